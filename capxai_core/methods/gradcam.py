"""Grad-CAM for captioners (section III-C, last paragraph)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, upsample
from capxai_core.models.explainable import Caption, Explainable, derivatives, word_scores


@dataclass(frozen=True)
class GradCAM(Method):
    """The gradient of a word's logit by each feature map, summed over positions, weighs that map; rectified sum.

    The linguistic score of a preceding word is the sum of its embedding's gradient (the paper's Grad*).
    """

    name, label = "gradcam", "Grad-CAM"
    signed, pixel_level, linguistic = False, False, True
    reference = "Selvaraju et al. 2017, Grad-CAM; section III-C"

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Gradients of all words by one batched backward pass."""
        with torch.enable_grad():
            a = model.see(image).requires_grad_()
            embedded = model.embed(caption.token_ids).requires_grad_()
            run = model.unroll(a, embedded)
            logits = word_scores(model, run, caption.token_ids, positions)[0]
            g_a, g_words = derivatives(logits, [a, embedded])
        weights = g_a[:, 0].sum((-2, -1))
        maps = torch.einsum("tc,chw->thw", weights, a[0].detach()).relu()
        return self.answer(caption, positions, upsample(maps, model.size), g_words[:, 0].sum(-1), logits.detach())
