"""Captioners small enough to be checked exhaustively."""

import torch
from torch import nn

from capxai_core.data.vocabulary import SPECIALS, Vocabulary
from capxai_core.models.captioner import DECODERS, Captioner
from capxai_core.models.encoder import Encoder

WORDS = 20


def captioner(
    seed: int, architecture: str = "grid_td", d: int = 12, k: int = 5, size: int = 16, words: int = WORDS
) -> Captioner:
    """A captioner with random weights, strong enough that ReLUs, biases and every word matter; float64."""
    torch.manual_seed(seed)
    encoder = Encoder(((4, 5), (6,), (7,)), size)
    decoder = DECODERS[architecture](7, words, d, k)
    vocabulary = Vocabulary(SPECIALS + tuple(f"w{i}" for i in range(words - len(SPECIALS))))
    for p in decoder.parameters():
        nn.init.normal_(p, std=0.4)
    for p in encoder.parameters():
        nn.init.normal_(p, std=0.3)
    return Captioner(encoder, decoder, vocabulary, architecture, "test").double().eval().requires_grad_(False)


def picture(seed: int, size: int = 16) -> torch.Tensor:
    """A random picture (3, size, size)."""
    return torch.rand(3, size, size, generator=torch.Generator().manual_seed(seed))
