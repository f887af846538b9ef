"""Layer-wise relevance propagation through the whole captioner, the paper's method."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from capxai_core.lrp import relevance as lrp
from capxai_core.lrp.options import Options
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, check_asked, find_method, find_positions
from capxai_core.models.explainable import Caption, Explainable


@dataclass(frozen=True)
class LayerwiseRelevance(Options, Method):
    """Signed relevance of pixels (summed over colours) and of preceding words, accounted for to the last bit."""

    name, label = "lrp", "LRP"
    signed, pixel_level, linguistic = True, True, True
    reference = "Bach et al. 2015; Arras et al. 2017; algorithms 1 and 2"

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """All words by one batched backward pass."""
        found = lrp.relevance(model, image, caption.token_ids, positions, self)
        told = self.answer(caption, positions, found.pixels.sum(1), found.words, found.budget.logit)
        return replace(told, budget=found.budget)


def mean_relevance(
    model: Explainable, image: Tensor, caption: Caption, words: Sequence[int] | None = None, **options: Any
) -> Tensor:
    """The mean (T,) of the LRP heatmap of each word of a caption, at about the cost of two forward passes.

    Arguments as for `explain`; equal to `explain(...).image.mean((1, 2))` (in float32 with `bfloat16`
    too, where nothing is lost on the way).
    """
    check_asked(model, image, caption)
    chosen = find_method("lrp", **options)
    assert isinstance(chosen, Options)
    return lrp.mean_relevance(model, image, caption.token_ids, find_positions(caption, words), chosen)[0].cpu()
