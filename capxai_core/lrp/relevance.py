"""LRP of all words of a caption at once: algorithm 1 as one batched backward pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.lrp.budget import Budget
from capxai_core.lrp.rules import EPSILON, LRP, ConvolutionLRP
from capxai_core.models.captioner import Captioner, derivatives, word_scores


@dataclass(frozen=True)
class Relevance:
    """Relevance of T explained words: pixels (T, 3, H, W), preceding tokens (T, N), logits (T,), and the account."""

    pixels: Tensor
    words: Tensor
    logits: Tensor
    budget: Budget


def relevance(
    model: Captioner, image: Tensor, token_ids: Sequence[int], positions: Sequence[int], epsilon: float = EPSILON
) -> Relevance:
    """Where the logits of the words at `positions` come from.

    image: (3, H, W) in [0, 1]; token_ids: the caption without `<start>` and `<end>`; positions: 0 … T, T being
    `<end>`. Works in the model's dtype and on its device. Columns of `words`: `<start>`, then the caption's words.
    """
    convolutions = ConvolutionLRP(model.encoder.features, model.encoder.normalise(image))
    with torch.enable_grad():
        a = convolutions.a.detach().requires_grad_()
        rules = LRP(a, epsilon)
        run = model.unroll(a, token_ids, rules)
        logits = word_scores(model, run, token_ids, positions, rules)
        g_a, g_words, biases, stabiliser = derivatives(logits, [a, run.embedded, rules.bias, rules.stabiliser])
    pixels, blocked = convolutions.relevance(g_a[:, 0])
    words = (g_words * run.embedded).sum(-1).detach()
    logits = logits.detach()
    budget = Budget(logits, pixels.flatten(1).sum(1), words.sum(1), biases, stabiliser, blocked)
    return Relevance(pixels, words, logits, budget)
