"""Why an image-captioning model said each word, in pixels and in preceding words."""

from capxai_core.data.images import load_image
from capxai_core.data.scenes import Scene, export_coco, load_scenes, sample_scene
from capxai_core.errors import CapxaiError, DataError, ImageError, ModelError, RequestError
from capxai_core.evaluate.results import load_results
from capxai_core.evaluate.support import say, support_counts
from capxai_core.methods import METHODS, Explanation, Method, explain, explain_batch, mean_relevance
from capxai_core.models.captioner import Captioner, load_captioner
from capxai_core.models.explainable import Caption, Explainable, Unrolled
from capxai_core.pipeline.kept import load_explanations, save_explanations
from capxai_core.pipeline.profiles import load_examples
from capxai_core.views.alt import alt_text
from capxai_core.views.charts import figure_curves, figure_intervals, figure_roc, table_intervals
from capxai_core.views.curve import CurveView
from capxai_core.views.explorer import Explorer
from capxai_core.views.heatmap import figure_words, table_words
from capxai_core.views.made_up import MadeUpWords
from capxai_core.views.masking import MaskingView
from capxai_core.views.page import write_gallery, write_page
from capxai_core.views.scenes import figure_objects, figure_scenes
from capxai_core.views.workbench import Workbench

__all__ = ["METHODS", "Caption", "Captioner", "CapxaiError", "CurveView", "DataError", "Explainable", "Explanation",
           "Explorer", "ImageError", "MadeUpWords", "MaskingView", "Method", "ModelError", "RequestError", "Scene",
           "Unrolled", "Workbench", "alt_text", "explain", "explain_batch", "export_coco", "figure_curves",
           "figure_intervals", "figure_objects", "figure_roc", "figure_scenes", "figure_words", "load_captioner",
           "load_examples", "load_explanations", "load_image", "load_results", "load_scenes", "mean_relevance",
           "sample_scene", "save_explanations", "say", "support_counts", "table_intervals", "table_words",
           "write_gallery", "write_page"]  # fmt: skip
