"""The answer every method gives: evidence for each word, in pixels and in preceding words."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.lrp.budget import Budget
from capxai_core.models.explainable import Caption


@dataclass(frozen=True)
class Explanation:
    """Why a captioner said each of T words. `explain` hands it over on the processor, wherever the model is.

    image: (T, H, W) float, at the resolution the model sees (attention and Grad-CAM upsampled to it).
    words: (T, N) relevance of the N tokens that can precede a word: column 0 is `<start>`, column k is word k-1
        of the caption; zero where a token does not precede. None where a method has no linguistic score.
    positions: (T,) which word of the caption each row explains; `len(caption.words)` stands for `<end>`.
    logits: (T,) the explained scores: before the softmax, less what LRP was asked to start below.
    budget, pixel_share: LRP only; `pixel_share` is pixels / logit, "seen or guessed".
    block: of how many pixels a side each number of `image` is the mean; more than one of explanations that were kept.
    """

    method: str
    caption: Caption
    positions: tuple[int, ...]
    image: Tensor
    words: Tensor | None
    logits: Tensor
    signed: bool
    budget: Budget | None = None
    block: int = 1

    @property
    def pixel_share(self) -> Tensor | None:
        """(T,) share of the logit that reached the pixels; None without a budget."""
        if self.budget is None:
            return None
        nothing = self.budget.logit == 0  # a word set against itself
        return torch.where(nothing, 0.0, self.budget.pixels / torch.where(nothing, 1.0, self.budget.logit))

    def row(self, position: int) -> int:
        """Which row explains the word at that position of the caption; `RequestError` where none does."""
        if position not in self.positions:
            raise RequestError(f"word {position} of '{self.caption}' is not explained; {self.positions} are")
        return self.positions.index(position)

    def cpu(self) -> "Explanation":
        """The same with its tensors on the processor."""
        words = None if self.words is None else self.words.cpu()
        budget = None if self.budget is None else self.budget.cpu()
        return replace(self, image=self.image.cpu(), words=words, logits=self.logits.cpu(), budget=budget)

    @property
    def targets(self) -> tuple[str, ...]:
        """The explained words, in the order of the rows."""
        spoken = (*self.caption.words, "<end>")
        return tuple(spoken[p] for p in self.positions)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that can precede an explained word: labels of the columns of `words`."""
        return ("<start>", *self.caption.words)[: max(len(self.caption.words), max(self.positions) + 1)]
