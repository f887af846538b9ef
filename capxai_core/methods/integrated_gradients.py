"""Integrated gradients of picture and words, by captum."""

from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, columns
from capxai_core.models.explainable import Caption, Explainable, word_scores


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Gradient times input, averaged on the way from a gray picture and words of zero to those explained.

    The sum over pixels and words is the logit less that of the baseline, but for the error of `steps` points.
    """

    name, label = "integrated_gradients", "Integrated gradients"
    signed, pixel_level, linguistic = True, True, True
    reference = "Sundararajan et al. 2017, Axiomatic attribution; captum"
    steps: int = 32

    def __post_init__(self) -> None:
        if not (isinstance(self.steps, int) and self.steps > 0):
            raise RequestError(f"steps must be a whole number above 0, not {self.steps!r}")

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Word by word: captum integrates one score at a time."""
        import captum.attr

        def scores(x: Tensor, embedded: Tensor) -> Tensor:
            return word_scores(model, model.unroll(model.encoder(x), embedded), ids, positions)

        ids, x, embedded = caption.token_ids, model.normalise(image), model.embed(caption.token_ids)
        integrate = captum.attr.IntegratedGradients(scores)
        together = max(1, round(4 * (224 / x.shape[-1]) ** 2))  # pictures whose activations stay in the cache
        pixels, words = [], []
        for target in range(len(positions)):
            parts = integrate.attribute((x, embedded), target=target, n_steps=self.steps, internal_batch_size=together)
            pixels.append(parts[0][0].sum(0))
            words.append(parts[1][0].sum(-1))
        with torch.no_grad():
            logits = scores(x, embedded)[0]
        shown = torch.stack(words)[:, : columns(caption, positions)]
        image_map = torch.stack(pixels).to(x.dtype)
        return Explanation(self.name, caption, positions, image_map, shown.to(x.dtype), logits, signed=self.signed)
