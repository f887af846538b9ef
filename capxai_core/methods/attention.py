"""The attention of the model itself, the explanation everybody shows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.errors import ModelError
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, upsample
from capxai_core.models.explainable import Caption, Explainable, word_scores


@dataclass(frozen=True)
class AttentionMap(Method):
    """The redistributed weights α̂ = (1 - β) α of eq. (10), reshaped and upsampled. The preceding words get no score."""

    name, label = "attention", "Attention"
    signed, pixel_level, linguistic = False, False, False
    reference = "Lu et al. 2017, Knowing when to look; equation (10)"

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Attention at the steps that say the words."""
        with torch.no_grad():
            a = model.see(image)
            run = model.unroll(a, model.embed(caption.token_ids))
            logits = word_scores(model, run, caption.token_ids, positions)[0]
        chosen = list(positions)
        if run.attention is None:
            raise ModelError(f"{model.name} has no attention to show; the other methods can explain it")
        weights = run.attention[0, chosen]
        if run.beta is not None:
            weights = weights * (1 - run.beta[0, chosen]).unsqueeze(1)
        maps = weights.unflatten(1, a.shape[-2:])
        return self.answer(caption, positions, upsample(maps, model.size), None, logits)
