"""LRP of all words of a caption at once: algorithms 1 and 2 as one batched backward pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.errors import ModelError
from capxai_core.lrp.budget import Budget
from capxai_core.lrp.convolutions import ConvolutionLRP
from capxai_core.lrp.options import PAPER, Options
from capxai_core.lrp.rules import LRP
from capxai_core.models.explainable import Explainable, derivatives, word_scores


@dataclass(frozen=True)
class Relevance:
    """Relevance of T explained words: pixels (T, 3, H, W), preceding tokens (T, N), scores (T,), and the account."""

    pixels: Tensor
    words: Tensor
    logits: Tensor
    budget: Budget


def relevance(
    model: Explainable,
    image: Tensor,
    token_ids: Sequence[int],
    positions: Sequence[int],
    options: Options = PAPER,
) -> Relevance:
    """Where the logits of the words at `positions` come from.

    image: (3, H, W) in [0, 1]; token_ids: the caption without `<start>` and `<end>`; positions: 0 … T, T being
    `<end>`. Works in the model's dtype and on its device. Columns of `words`: `<start>`, then the caption's words.
    `ModelError` where the encoder has a layer without a rule, or the account does not close.
    """
    convolutions = ConvolutionLRP(model.encoder, model.normalise(image), options, bounds(model, options))
    with torch.enable_grad():
        a = convolutions.a.detach().requires_grad_()
        embedded = model.embed(token_ids).requires_grad_()
        rules = LRP(a, options.epsilon, options.share_bias)
        run = model.unroll(a, embedded, rules)
        logits = word_scores(model, run, token_ids, positions, rules, options.less(model))[0]
        g_a, g_words, biases, stabiliser = derivatives(logits, [a, embedded, rules.bias, rules.stabiliser])
    pixels, kept = convolutions.relevance(g_a[:, 0])
    words = (g_words * embedded).sum(-1)[:, 0].detach()
    logits = logits.detach()
    biases, stabiliser = biases + kept["biases"], stabiliser + kept["stabiliser"]
    budget = Budget(logits, pixels.flatten(1).sum(1), words.sum(1), biases, stabiliser, kept["blocked"])
    if not (budget.residual <= 0.02).all():  # NaN is no account either
        raise ModelError(
            f"{model.name}: the relevance of a word does not add up to its score. Every operation of unroll() that "
            "carries evidence must be one of the operations it is given"
        )
    return Relevance(pixels, words, logits, budget)


def mean_relevance(
    model: Explainable,
    image: Tensor,
    token_ids: Sequence[int],
    positions: Sequence[int],
    options: Options = PAPER,
) -> tuple[Tensor, Tensor]:
    """The mean (T,) of the heatmap of each word (colours summed), without making it, and the logits (T,).

    Arguments as for `relevance`. LRP is linear in the relevance it starts from: where it all passes on, the sum is that
    of the encoder's output, elsewhere one adjoint pass tells how much of each unit's arrives.
    """
    seen, reach = ConvolutionLRP(model.encoder, model.normalise(image), options, bounds(model, options)).reach()
    with torch.enable_grad():
        a = seen.requires_grad_()
        rules = LRP(a, options.epsilon, options.share_bias)
        run = model.unroll(a, model.embed(token_ids), rules)
        logits = word_scores(model, run, token_ids, positions, rules, options.less(model))[0]
        (g_a,) = derivatives(logits, [a])
    return (g_a[:, 0] * reach).flatten(1).sum(1) / model.size**2, logits.detach()


def bounds(model: Explainable, options: Options) -> tuple[Tensor, Tensor] | None:
    """The least and the largest value (1, 3, 1, 1) a pixel's colour can have once normalised, for the z^B-rule."""
    if not options.box:
        return None
    black, white = (model.normalise(torch.full((3, 8, 8), value))[:, :, :1, :1] for value in (0.0, 1.0))
    return torch.minimum(black, white), torch.maximum(black, white)
