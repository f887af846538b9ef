"""Integrated gradients of picture and words."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.gradient import gradients
from capxai_core.methods.registry import Method
from capxai_core.models.explainable import Caption, Explainable, see_all, word_scores


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Gradient times input, averaged on the way from a gray picture and words of zero to those explained.

    The sum over pixels and words is the logit less that of the baseline, but for the error of `steps` points.
    bfloat16: for the encoder and its gradient, as in `see_all`.
    """

    name, label = "integrated_gradients", "Integrated gradients"
    signed, pixel_level, linguistic = True, True, True
    reference = "Sundararajan et al. 2017, Axiomatic attribution"
    steps: int = 32
    bfloat16: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.steps, int) and self.steps > 0):
            raise RequestError(f"steps must be a whole number above 0, not {self.steps!r}")

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Gauss and Legendre's points on the way; all words share the forward pass at each."""
        x, embedded = model.normalise(image), model.embed(caption.token_ids)
        encoder = partial(see_all, model, bfloat16=self.bfloat16)
        points, weights = np.polynomial.legendre.leggauss(self.steps)
        pixels, words = x.new_zeros(len(positions), *x.shape[-2:]), x.new_zeros(len(positions), embedded.shape[1])
        for way, weight in zip(((points + 1) / 2).tolist(), (weights / 2).tolist(), strict=True):
            g = gradients(model, image, caption, positions, encoder, way)
            pixels += weight * (g.pixels * x).sum(1)
            words += weight * (g.words * embedded).sum(-1)
        with torch.no_grad():
            run = model.unroll(model.encoder(x), embedded)
            logits = word_scores(model, run, caption.token_ids, positions)[0]
        return self.answer(caption, positions, pixels, words, logits)
