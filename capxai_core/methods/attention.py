"""The attention of the model itself, the explanation everybody shows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, upsample
from capxai_core.models.captioner import Caption, Captioner, word_scores
from capxai_core.models.ops import PLAIN


@dataclass(frozen=True)
class AttentionMap(Method):
    """The redistributed weights α̂ = (1 - β) α of eq. (10), reshaped and upsampled. The preceding words get no score."""

    name, label = "attention", "Attention"
    signed, pixel_level, linguistic = False, False, False
    reference = "Lu et al. 2017, Knowing when to look; equation (10)"

    def __call__(self, model: Captioner, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Attention at the steps that say the words."""
        with torch.no_grad():
            run = model.unroll(model.see(image), caption.token_ids)
            logits = word_scores(model, run, caption.token_ids, positions, PLAIN)
        chosen = list(positions)
        weights = run.attention[chosen] * (1 - run.beta[chosen]).unsqueeze(1)
        maps = weights.unflatten(1, run.a.shape[-2:])
        return Explanation(self.name, caption, positions, upsample(maps, model.size), None, logits, signed=self.signed)
