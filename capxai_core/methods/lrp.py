"""Layer-wise relevance propagation through the whole captioner, the paper's method."""

import math
from dataclasses import dataclass

from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.lrp.relevance import relevance
from capxai_core.lrp.rules import EPSILON
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, columns
from capxai_core.models.captioner import Caption, Captioner


@dataclass(frozen=True)
class LayerwiseRelevance(Method):
    """Signed relevance of pixels (summed over colours) and of preceding words, accounted for to the last bit."""

    name, label = "lrp", "LRP"
    signed, pixel_level, linguistic = True, True, True
    reference = "Bach et al. 2015; Arras et al. 2017; algorithm 1"
    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        if not (isinstance(self.epsilon, int | float) and 0 < self.epsilon < math.inf):
            raise RequestError(f"epsilon must be a number above 0, not {self.epsilon!r}")

    def __call__(self, model: Captioner, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Algorithm 1 for all words by one batched backward pass."""
        found = relevance(model, image, caption.token_ids, positions, self.epsilon)
        words = found.words[:, : columns(caption, positions)]
        pixels = found.pixels.sum(1)
        return Explanation(
            self.name, caption, positions, pixels, words, found.logits, signed=self.signed, budget=found.budget
        )
