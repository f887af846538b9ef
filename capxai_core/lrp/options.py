"""The variants of LRP that can be asked for."""

import math
from dataclasses import dataclass

from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.models.explainable import Explainable, output_layer

EPSILON = 0.01
STARTS = ("logit", "centred")


@dataclass(frozen=True)
class Options:
    """The variants of LRP; the defaults are the paper's (section IV-A).

    epsilon: of eq. (2). alpha: of the convolutions' αβ-rule, eq. (3), β being α - 1; gamma: their γ-rule instead; box:
    z^B-rule at the pixels. conv_bias: the convolutions' biases take part. share_bias: those of the decoder leave their
    share to the inputs. start: explain the `logit`, or the logit `centred` on the mean of all words'. against: or the
    logit less that of this word ("why shirt, not jacket"). bfloat16: for the convolutions' sweep.
    """

    epsilon: float = EPSILON
    alpha: float = 1.0
    gamma: float | None = None
    box: bool = False
    conv_bias: bool = False
    share_bias: bool = False
    start: str = "logit"
    against: str | None = None
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for name, value in (("epsilon", self.epsilon), ("alpha", self.alpha), ("gamma", self.gamma)):
            if not (isinstance(value, int | float) and math.isfinite(value)) and (name, value) != ("gamma", None):
                raise RequestError(f"{name} must be a finite number, not {value!r}")
        if not self.epsilon > 0:
            raise RequestError(f"epsilon must be a number above 0, not {self.epsilon}")
        if self.start not in STARTS:
            raise RequestError(f"start must be one of {', '.join(STARTS)}, not {self.start!r}")
        if self.against is not None and self.start != "logit":
            raise RequestError("start and against exclude each other: a contrast needs no centring")
        if not self.alpha >= 1:
            raise RequestError(f"alpha must be at least 1 (beta is alpha - 1), not {self.alpha}")
        if self.gamma is not None and not (self.gamma >= 0 and self.alpha == 1):
            raise RequestError("gamma must be 0 or more, and replaces alpha: give one of the two")

    def less(self, model: Explainable) -> tuple[Tensor, Tensor] | None:
        """Row and bias of the output layer whose score the explanation starts below; see `word_scores`."""
        weight, bias = output_layer(model)
        if self.start == "centred":
            return weight.mean(0), bias.mean()
        if self.against is None:
            return None
        if self.against not in model.vocabulary.index:
            raise RequestError(f"against '{self.against}': the model does not know this word")
        row = model.vocabulary.index[self.against]
        return weight[row], bias[row]


PAPER = Options()
