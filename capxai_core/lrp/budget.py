"""The account of an explanation: where the relevance of each word went."""

from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Budget:
    """Where the logit of each explained word went; every field is (T,), computed on its own, none as a rest.

    pixels and words are evidence; biases and stabiliser kept their share of the denominators of eq. (2); blocked
    arrived at convolution units without positive input, which cannot pass it on. The terms add up to `logit`.
    """

    logit: Tensor
    pixels: Tensor
    words: Tensor
    biases: Tensor
    stabiliser: Tensor
    blocked: Tensor

    names: ClassVar = ("pixels", "words", "biases", "stabiliser", "blocked")

    def cpu(self) -> "Budget":
        """The same with its tensors on the processor."""
        return Budget(*(getattr(self, field.name).cpu() for field in fields(self)))

    def terms(self) -> Tensor:
        """(5, T): the five terms in the order of `names`."""
        return torch.stack([getattr(self, name) for name in self.names])

    @property
    def residual(self) -> Tensor:
        """(T,): |logit - sum of the terms| / sum of |terms|, how exactly the account closes."""
        terms = self.terms()
        moved = terms.abs().sum(0)  # nothing at all, for a word set against itself
        return (self.logit - terms.sum(0)).abs() / torch.where(moved == 0, 1.0, moved)
