"""What is left to chance."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")


class Dice:
    """Choices drawn one after the other from the generator of a seed."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, options: Sequence[_T], weights: Sequence[float] | None = None) -> _T:
        """One of the options, by default each as likely as the others."""
        p = None if weights is None else np.array(weights) / sum(weights)
        return options[int(self.rng.choice(len(options), p=p))]

    def chance(self, p: float) -> bool:
        """Whether something happens that has the probability p."""
        return bool(self.rng.random() < p)
