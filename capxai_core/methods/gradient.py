"""The gradient of a word's logit by pixels and preceding words, and the gradient times the input."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method
from capxai_core.models.device import at_once
from capxai_core.models.explainable import Caption, Explainable, derivatives, word_scores

CHUNK = 2  # words whose gradients pass the encoder together: more leave the processor's cache


@dataclass(frozen=True)
class Gradients:
    """x (1, 3, H, W) with pixels (T, 3, H, W); embedded (1, N, d) with words (T, N, d); logits (T,)."""

    x: Tensor
    pixels: Tensor
    embedded: Tensor
    words: Tensor
    logits: Tensor


def gradients(
    model: Explainable,
    image: Tensor,
    caption: Caption,
    positions: tuple[int, ...],
    encoder: Callable[[Tensor], Tensor] | None = None,
    way: float = 1.0,
) -> Gradients:
    """Of each word's logit, through the whole decoder and all its time steps, over one forward pass.

    encoder: computes A in place of the model's, e.g. with other backward rules. way: where, from 0, a gray picture and
    words' vectors of zero, to 1, those explained.
    """
    with torch.enable_grad():
        x = (way * model.normalise(image)).detach().requires_grad_()
        embedded = (way * model.embed(caption.token_ids)).requires_grad_()
        a = (encoder or model.encoder)(x)
        logits = word_scores(model, model.unroll(a, embedded), caption.token_ids, positions)[0]
        g_a, g_words = derivatives(logits, [a, embedded])
        chunks = g_a.split(at_once(x, CHUNK))
        parts = [torch.autograd.grad(a, x, g, retain_graph=True, is_grads_batched=True)[0] for g in chunks]
    return Gradients(x.detach(), torch.cat(parts)[:, 0], embedded.detach(), g_words[:, 0], logits.detach())


@dataclass(frozen=True)
class Gradient(Method):
    """How the logit would change with each pixel, summed over colours, and with each word's embedding, summed."""

    name, label = "gradient", "Gradient"
    signed, pixel_level, linguistic = True, True, True
    reference = "Simonyan et al. 2014, Deep inside convolutional networks"

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """One forward pass, gradients in chunks of words."""
        return self.of(gradients(model, image, caption, positions), caption, positions)

    def of(self, g: Gradients, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """The answer from gradients that are there already."""
        return self.answer(caption, positions, g.pixels.sum(1), g.words.sum(-1), g.logits)


@dataclass(frozen=True)
class GradientTimesInput(Gradient):
    """The gradient times the normalised picture and the embedding: to first order, what each contributes."""

    name, label = "gradient_input", "Gradient × input"
    reference = "Shrikumar et al. 2016, Not just a black box"

    def of(self, g: Gradients, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """The answer from gradients that are there already."""
        return self.answer(caption, positions, (g.pixels * g.x).sum(1), (g.words * g.embedded).sum(-1), g.logits)
