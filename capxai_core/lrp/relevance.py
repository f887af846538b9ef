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
    """Relevance of T explained words: pixels (T, 3, H, W), preceding tokens (T, N), and the account."""

    pixels: Tensor
    words: Tensor
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
    g, words, budget = _decoder(model, convolutions.a, token_ids, positions, options)
    pixels, kept = convolutions.relevance(g)
    biases, stabiliser = budget.biases + kept["biases"], budget.stabiliser + kept["stabiliser"]
    budget = Budget(budget.logit, pixels.flatten(1).sum(1), budget.words, biases, stabiliser, kept["blocked"])
    return Relevance(pixels, words, _closed(budget, f"in the encoder of {model.name}"))


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
    a, reach = ConvolutionLRP(model.encoder, model.normalise(image), options, bounds(model, options)).reach()
    g, _, arrived = _decoder(model, a, token_ids, positions, options)
    return (g * reach).flatten(1).sum(1) / model.size**2, arrived.logit


def _decoder(
    model: Explainable, a: Tensor, token_ids: Sequence[int], positions: Sequence[int], options: Options
) -> tuple[Tensor, Tensor, Budget]:
    """G at the encoder's output (T, C, h, w), the words' relevance (T, N), and the account; `pixels`: what A got."""
    with torch.enable_grad():
        a, embedded = a.detach().requires_grad_(), model.embed(token_ids).requires_grad_()
        rules = LRP(a, options.epsilon, options.share_bias)
        run = model.unroll(a, embedded, rules)
        logits = word_scores(model, run, token_ids, positions, rules, options.less(model))[0]
        g_a, g_words, biases, stabiliser = derivatives(logits, [a, embedded, rules.bias, rules.stabiliser])
    g, words, logits = g_a[:, 0], (g_words * embedded).sum(-1)[:, 0].detach(), logits.detach()
    reached = (g * a.detach()).flatten(1).sum(1)
    budget = Budget(logits, reached, words.sum(1), biases, stabiliser, torch.zeros_like(logits))
    why = (
        f"in {model.name}: every operation of unroll() that carries evidence must be one of the operations it is given"
    )
    return g, words, _closed(budget, why)


def _closed(budget: Budget, where: str) -> Budget:
    if not (budget.residual <= 0.02).all():  # NaN is no account either
        raise ModelError(f"the relevance of a word does not add up to its score {where}")
    return budget


def bounds(model: Explainable, options: Options) -> tuple[Tensor, Tensor] | None:
    """The least and the largest value (1, 3, 1, 1) a pixel's colour can have once normalised, for the z^B-rule."""
    if not options.box:
        return None
    black, white = (model.normalise(torch.full((3, 8, 8), value))[:, :, :1, :1] for value in (0.0, 1.0))
    return torch.minimum(black, white), torch.maximum(black, white)
