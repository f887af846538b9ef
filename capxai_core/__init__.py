"""Why an image-captioning model said each word, in pixels and in preceding words."""

from capxai_core.data.images import load_image
from capxai_core.errors import CapxaiError, DataError, ImageError, ModelError, RequestError
from capxai_core.methods import METHODS, Explanation, explain, explain_batch
from capxai_core.models.captioner import Caption, Captioner, load_captioner

__all__ = [
    "METHODS",
    "Caption",
    "Captioner",
    "CapxaiError",
    "DataError",
    "Explanation",
    "ImageError",
    "ModelError",
    "RequestError",
    "explain",
    "explain_batch",
    "load_captioner",
    "load_image",
]
