"""The grid-TD captioner (section III-B, figure 2): an attention LSTM, the adaptive module, a language LSTM."""

import torch
from torch import Tensor, nn

from capxai_core.models.decoder import Decoder, Features, Memory, Step
from capxai_core.models.ops import PLAIN, Ops


class GridTD(Decoder):
    """x1 = [h2_{t-1}; v_g; W_e w_{t-1}] enters the attention LSTM, [ĉ; h1] the language LSTM; fc reads ĉ + h2."""

    inputs, states = 3, 4

    def __init__(self, channels: int, vocabulary: int, d: int, k: int) -> None:
        super().__init__(channels, vocabulary, d, k)
        self.attention_lstm = nn.LSTMCell(3 * d, d)
        self.language_lstm = nn.LSTMCell(2 * d, d)

    def step(self, embedded: Tensor, features: Features, state: Memory, ops: Ops = PLAIN) -> tuple[Step, Memory]:
        """One word: state (h1, c1, h2, c2), each (B, d)."""
        h1, c1, h2, c2 = state
        x = torch.cat([h2, self.image_rows(features, len(embedded)), embedded], dim=-1)
        h1_before = h1
        h1, c1 = ops.lstm(self.attention_lstm, x, (h1, c1))
        context, attention, beta = self.attend(x, h1_before, (h1, c1), features, ops)
        h2, c2 = ops.lstm(self.language_lstm, torch.cat([context, h1], dim=-1), (h2, c2))
        return Step(context, h2, attention, beta), (h1, c1, h2, c2)
