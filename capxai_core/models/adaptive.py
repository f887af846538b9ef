"""The adaptive-attention captioner (section III-B): one LSTM and the adaptive module."""

import torch
from torch import Tensor, nn

from capxai_core.models.decoder import Decoder, Features, Memory, Step
from capxai_core.models.ops import PLAIN, Ops


class Adaptive(Decoder):
    """x = [W_e w_{t-1}; v_g] enters the LSTM, whose state asks for ĉ; fc reads ĉ + h."""

    inputs, states = 2, 2

    def __init__(self, channels: int, vocabulary: int, d: int, k: int) -> None:
        super().__init__(channels, vocabulary, d, k)
        self.lstm = nn.LSTMCell(2 * d, d)

    def step(self, embedded: Tensor, features: Features, state: Memory, ops: Ops = PLAIN) -> tuple[Step, Memory]:
        """One word: state (h, c), each (B, d)."""
        h_before, c = state
        x = torch.cat([embedded, self.image_rows(features, len(embedded))], dim=-1)
        h, c = ops.lstm(self.lstm, x, (h_before, c))
        context, attention, beta = self.attend(x, h_before, (h, c), features, ops)
        return Step(context, h, attention, beta), (h, c)
