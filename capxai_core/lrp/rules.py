"""The rules of LRP (section III-A, III-C) as derivatives.

Relevance is written R = x · G with G the derivative of the rules' backward pass. In this form the ε-rule, eq. (2),

    R_i = x_i Σ_j w_ij R_j / (y_j + ε sign y_j)   becomes   G_i = Σ_j w_ij s_j G_j,  s_j = y_j / (y_j + ε sign y_j),

which is the derivative of s_j · (Σ_i w_ij x_i + b_j + ε sign y_j) with s_j and sign y_j held constant: a function whose
value is y_j itself. So the ordinary derivative of a decoder read with these operations is its LRP, for every word and
through every recurrent path at once. Biases and stabilisers are inputs that happen to be 1; their derivatives are what
they keep of the logit.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from capxai_core.lrp.options import EPSILON
from capxai_core.models.ops import Ops, State


def sign(y: Tensor) -> Tensor:
    """Sign with sign(0) := +1, so that y + ε sign(y) is never zero."""
    return torch.where(y < 0, -1.0, 1.0).to(y)


class LRP(Ops):
    """The LRP reading of a captioner's operations (algorithms 1 and 2).

    epsilon: of eq. (2). share_bias: leave biases out of the denominators, so that their share goes to the inputs.
    `bias` and `stabiliser` are the two constant inputs (scalars, 1) whose derivatives account for the relevance that
    biases and stabilisers keep.
    """

    def __init__(self, like: Tensor, epsilon: float = EPSILON, share_bias: bool = False) -> None:
        self.epsilon, self.share_bias = epsilon, share_bias
        self.bias = like.new_ones(()).requires_grad_()
        self.stabiliser = like.new_ones(()).requires_grad_()

    def epsilon_rule(self, parts: Tensor, bias: Tensor | None = None) -> Tensor:
        """Eq. (2) for y = parts + bias, where `parts` carries the derivative of the inputs' contributions."""
        y = parts.detach() if bias is None else parts.detach() + bias
        if bias is not None and not self.share_bias:
            parts = parts + bias * self.bias
        added = self.epsilon * sign(parts.detach())
        return y / (parts.detach() + added) * (parts + added * self.stabiliser)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """ε-rule; the bias is part of the denominator and keeps its share."""
        return self.epsilon_rule(F.linear(x, weight), bias)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """ε-rule with unit weights."""
        return self.epsilon_rule(a + b)

    def score(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """ε-rule for the explained words' rows of fc; no other row is touched."""
        return self.epsilon_rule((x * weight).sum(-1), bias)

    def mean(self, x: Tensor) -> Tensor:
        """ε-rule with weights 1/L."""
        return self.epsilon_rule(x.mean(1))

    def mix(self, weights: Tensor, v: Tensor, beta: Tensor, s: Tensor) -> Tensor:
        """ε-rule on eq. (12), a linear combination whose weights get no relevance."""
        return self.epsilon_rule(super().mix(weights.detach(), v, beta.detach(), s))

    def gate(self, gate: Tensor, x: Tensor) -> Tensor:
        """Gates get no relevance: the signal takes it all."""
        return gate.detach() * x

    def tanh(self, x: Tensor) -> Tensor:
        """tanh passes relevance on unchanged: G is scaled by tanh(x) / x."""
        fixed = x.detach()
        return x * torch.where(fixed == 0, 1.0, torch.tanh(fixed) / fixed)

    def lstm(self, cell: nn.LSTMCell, x: Tensor, state: State) -> State:
        """LRP-LSTM: h passes to c; c splits between f ⊙ c_{t-1} and i ⊙ g; the candidate g follows the ε-rule."""
        h, c = state
        d = cell.hidden_size
        bias = cell.bias_ih + cell.bias_hh if cell.bias else cell.weight_ih.new_zeros(4 * d)
        candidate = slice(2 * d, 3 * d)  # torch orders the rows input, forget, candidate, output
        gates = F.linear(x.detach(), cell.weight_ih, bias) + F.linear(h.detach(), cell.weight_hh)
        i, f, _, o = torch.sigmoid(gates).chunk(4, dim=-1)
        parts = F.linear(x, cell.weight_ih[candidate]) + F.linear(h, cell.weight_hh[candidate])
        g = self.tanh(self.epsilon_rule(parts, bias[candidate]))
        c = self.add(self.gate(f, c), self.gate(i, g))
        return self.gate(o, self.tanh(c)), c
