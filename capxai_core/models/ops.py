"""The operations a captioner is written in, so that one forward definition has several readings.

A decoder calls `ops.linear`, `ops.lstm`, `ops.gate` … instead of the torch functions. Read with `PLAIN` it is the
ordinary network, for training, decoding and gradients. Read with `capxai_core.lrp.rules.LRP` the values are the same
and the derivative is layer-wise relevance propagation. A captioner written in these operations can be explained.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = tuple[Tensor, Tensor]


class Ops:
    """The plain reading: each operation is the one of the paper's equations, with its true derivative."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(…, in) → (…, out): y = W x + b, eq. (1)."""
        return F.linear(x, weight, bias)

    def score(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Row by row: x (n, T, d), weight (T, d), bias (T,) → the scores w_t · x_t + b_t, (n, T)."""
        return (x * weight).sum(-1) + bias

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """Elementwise sum of two evidence-carrying tensors of one shape."""
        return a + b

    def mean(self, x: Tensor) -> Tensor:
        """(n, L, C) → (n, C): mean over positions."""
        return x.mean(1)

    def mix(self, weights: Tensor, v: Tensor, beta: Tensor, s: Tensor) -> Tensor:
        """Eq. (12): (n, m, L) weights (1 - β) α of v (n, L, d), and (n, m, 1) β of s (n, m, d) → (n, m, d)."""
        return weights @ v + beta * s

    def gate(self, gate: Tensor, x: Tensor) -> Tensor:
        """A signal x let through by a gate in (0, 1), elementwise."""
        return gate * x

    def tanh(self, x: Tensor) -> Tensor:
        """The squashing of an evidence-carrying signal."""
        return torch.tanh(x)

    def lstm(self, cell: nn.LSTMCell, x: Tensor, state: State) -> State:
        """One step of an LSTM: (B, in) and the state (h, c), each (B, d) → the next state."""
        h, c = cell(x, state)
        return h, c


PLAIN = Ops()
