"""One small module a method, one registry; importing the package registers them all."""

from capxai_core.methods import lrp, gradcam, guided, attention, gradient, integrated_gradients, occlusion  # isort: skip  (the order views show them in)
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.lrp import mean_relevance
from capxai_core.methods.registry import METHODS, Method, explain, explain_batch

__all__ = ["METHODS", "Explanation", "Method", "attention", "explain", "explain_batch", "gradcam", "gradient", "guided",
           "integrated_gradients", "lrp", "mean_relevance", "occlusion"]  # fmt: skip
