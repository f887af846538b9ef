"""What both captioners share: encoded image features, embedding, adaptive attention with a sentinel, output layer."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from capxai_core.models.ops import PLAIN, Ops, State

Memory = tuple[Tensor, ...]  # of all LSTMs, (B, d) each


@dataclass(frozen=True)
class Features:
    """An encoded image: v (n, L, d), v_g (n, d), and W_v v (n, L, k), which all steps of a caption share."""

    v: Tensor
    v_g: Tensor
    keys: Tensor


@dataclass(frozen=True)
class Step:
    """What one time step leaves behind. B = n·m rows: m captions (words, beams) of each of n images.

    context: ĉ_t (B, d), eq. (11); hidden: the output LSTM's h_t (B, d); attention: α_t (B, L), eq. (7); beta: (B,).
    """

    context: Tensor
    hidden: Tensor
    attention: Tensor
    beta: Tensor


class Attention(nn.Module):
    """Eq. (6) and (9): scores of L positions and of the sentinel, before the softmaxes of eq. (7) and (10)."""

    def __init__(self, d: int, k: int) -> None:
        super().__init__()
        self.w_v = nn.Linear(d, k, bias=False)
        self.w_g = nn.Linear(d, k, bias=False)
        self.w_s = nn.Linear(d, k, bias=False)
        self.w_a = nn.Linear(k, 1, bias=False)

    def forward(self, keys: Tensor, h: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """keys (n, L, k), h and s (n, m, d) → the scores a (n, m, L) of positions and b (n, m, 1) of the sentinel."""
        query = self.w_g(h)
        a = self.w_a(torch.tanh(keys.unsqueeze(1) + query.unsqueeze(2))).squeeze(-1)
        b = self.w_a(torch.tanh(self.w_s(s) + query))
        return a, b


class Sentinel(nn.Module):
    """Eq. (5): how much of the memory the visual sentinel shows."""

    def __init__(self, inputs: int, d: int) -> None:
        super().__init__()
        self.w_x = nn.Linear(inputs, d, bias=False)
        self.w_h = nn.Linear(d, d, bias=False)

    def forward(self, x: Tensor, h_before: Tensor) -> Tensor:
        """x (B, inputs) and h_{t-1} (B, d) → the gate (B, d) in (0, 1)."""
        return torch.sigmoid(self.w_x(x) + self.w_h(h_before))


class Decoder(nn.Module):
    """Section III-B without its LSTMs, which the subclasses add.

    The paper's symbols: W_a = project_v, W_b = project_g, W_e = embedding.

    channels: C of the encoder's A; vocabulary: number of words; d: size of embedding and states; k: of the attention.
    """

    inputs: int  # width of the attention LSTM's input, in units of d
    states: int  # tensors in a state

    def __init__(self, channels: int, vocabulary: int, d: int, k: int) -> None:
        super().__init__()
        self.d = d
        self.config = {"channels": channels, "vocabulary": vocabulary, "d": d, "k": k}
        self.project_v = nn.Linear(channels, d)
        self.project_g = nn.Linear(channels, d)
        self.embedding = nn.Embedding(vocabulary, d)
        self.attention = Attention(d, k)
        self.sentinel = Sentinel(self.inputs * d, d)
        self.fc = nn.Linear(d, vocabulary)

    def encode(self, a: Tensor, ops: Ops = PLAIN) -> Features:
        """A (n, C, H, W) → v_i = ReLU(W_a a_i) and v_g = ReLU(W_b mean_i a_i)."""
        positions = a.flatten(2).transpose(1, 2)
        v = torch.relu(ops.linear(positions, self.project_v.weight, self.project_v.bias))
        v_g = torch.relu(ops.linear(ops.mean(positions), self.project_g.weight, self.project_g.bias))
        return Features(v, v_g, self.attention.w_v(v))

    def start(self, rows: int, like: Tensor) -> Memory:
        """The state before the first step: zeros."""
        return tuple(like.new_zeros(rows, self.d) for _ in range(self.states))

    @abstractmethod
    def step(self, embedded: Tensor, features: Features, state: Memory, ops: Ops = PLAIN) -> tuple[Step, Memory]:
        """Embedded previous words (B, d) and the state → this step's output and the next state."""

    def attend(
        self, x: Tensor, h_before: Tensor, state: State, features: Features, ops: Ops
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Eq. (5)-(11) on the attention LSTM's input x (B, ·), h_{t-1} and new state (h, m) → ĉ (B, d), α, β."""
        h, memory = state
        s = ops.gate(self.sentinel(x, h_before), ops.tanh(memory))
        n = features.v.shape[0]
        a, b = self.attention(features.keys, h.unflatten(0, (n, -1)), s.unflatten(0, (n, -1)))
        redistributed = torch.softmax(torch.cat([a, b], dim=-1), dim=-1)  # eq. (10); its first L are (1 - β) α
        weights, beta = redistributed[..., :-1], redistributed[..., -1:]
        context = ops.mix(weights, features.v, beta, s.unflatten(0, (n, -1)))
        return context.flatten(0, 1), torch.softmax(a, dim=-1).flatten(0, 1), beta.flatten()

    def fuse(self, step: Step, ops: Ops = PLAIN) -> Tensor:
        """What fc reads: ĉ_t + h_t, (B, d)."""
        return ops.add(step.context, step.hidden)

    def image_rows(self, features: Features, rows: int) -> Tensor:
        """v_g repeated for the m captions of each image: (n·m, d)."""
        return features.v_g.repeat_interleave(rows // features.v_g.shape[0], 0)
