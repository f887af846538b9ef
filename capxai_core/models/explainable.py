"""What a captioner must offer to be explained, and what can be asked of every captioner that does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from capxai_core.data.examples import tokenize
from capxai_core.data.vocabulary import END, START, UNK, Vocabulary
from capxai_core.errors import ModelError, RequestError
from capxai_core.models.device import at_once, channels_last
from capxai_core.models.ops import PLAIN, Ops

BATCH = 8  # pictures: more leave the processor's cache
MAX_READ = 100  # words of a caption, beams of a search: beyond it a slip of the keyboard


@dataclass(frozen=True)
class Caption:
    """A caption as the model reads it, T words without `<start>` and `<end>`.

    Tensors on the processor: log_probs (T,) of the words; attention (T, L), eq. (7), and beta (T,), eq. (10), None for
    models without. `ended` says whether the model closed the caption itself, `end_log_prob` how probable that was after
    the last word.
    """

    words: tuple[str, ...]
    token_ids: tuple[int, ...]
    log_probs: Tensor
    attention: Tensor | None
    beta: Tensor | None
    ended: bool
    end_log_prob: float

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Unrolled:
    """A decoder run along given captions of n pictures, N = T + 1 steps, the last of which predicts `<end>`.

    fused: (n, N, d'), what the output layer reads; attention (n, N, L) and beta (n, N) of the paper's models, None
    for others.
    """

    fused: Tensor
    attention: Tensor | None = None
    beta: Tensor | None = None


class Explainable(nn.Module, ABC):
    """A captioner that every method of `capxai_core.METHODS` can explain.

    A subclass has the attributes below and implements the four abstract members. The encoder maps a normalised picture
    to its feature map A. For LRP it must be made of convolutions, batch normalisation right behind them, ReLU,
    max-pooling and sums; for the guided methods torch.fx must be able to trace it; for the others it may be anything.
    """

    encoder: nn.Module  # (n, 3, size, size) → A (n, C, H, W)
    vocabulary: Vocabulary
    name: str
    size: int  # side in pixels of the square picture the encoder sees
    warning: str | None = None  # what every output must say of this model

    @abstractmethod
    def normalise(self, image: Tensor) -> Tensor:
        """Any picture (3, H, W) in [0, 1] → the encoder's input (1, 3, size, size), in the model's dtype and device."""

    @property
    @abstractmethod
    def embedding(self) -> nn.Embedding:
        """One vector for each word of the vocabulary: where words enter."""

    @abstractmethod
    def unroll(self, a: Tensor, embedded: Tensor, ops: Ops = PLAIN) -> Unrolled:
        """Run the decoder along captions: A (n, C, H, W) and the embedded `<start>` and words (n, N, d).

        For LRP every operation that carries evidence must be one of `ops`; what only steers (gates, attention
        weights) passes through those that hold it constant.
        """

    @property
    @abstractmethod
    def output(self) -> nn.Linear:
        """The layer that turns `fused` into a logit for each word of the vocabulary."""

    def embed(self, token_ids: Sequence[int]) -> Tensor:
        """`<start>` and the words of one caption → (1, N, d), a leaf of its own that gradients can be asked of."""
        ids = torch.tensor([[START, *token_ids]], device=self.embedding.weight.device)
        embedded: Tensor = self.embedding(ids)
        return embedded.detach()

    @torch.no_grad()
    def see(self, image: Tensor) -> Tensor:
        """A picture (3, H, W) in [0, 1] → the encoder's A (1, C, H, W)."""
        a: Tensor = self.encoder(self.normalise(image))
        return a

    def read(self, image: Tensor, words: Sequence[str] | str) -> Caption:
        """A caption of your own as the model reads it ("what if it had said …"); unknown words become `<unk>`."""
        words = tokenize(words) if isinstance(words, str) else words
        if not 0 < len(words) <= MAX_READ:
            raise RequestError(f"a caption has 1 to {MAX_READ} words, not {len(words)}")
        ids = [UNK if token < UNK else token for token in self.vocabulary.encode(words)]
        return self.follow(self.see(image), ids, ended=False)

    @torch.no_grad()
    def follow(self, a: Tensor, ids: Sequence[int], ended: bool) -> Caption:
        """What the model thinks of each word of a caption of the picture encoded as A."""
        run = self.unroll(a, self.embed(ids))
        log_p = torch.log_softmax(self.output(run.fused[0]), dim=-1)
        chosen = log_p.gather(1, torch.tensor([*ids, END], device=log_p.device).unsqueeze(1)).squeeze(1).cpu()
        words, n = self.vocabulary.decode(ids), len(ids)
        attention, beta = (None if x is None else x[0, :n].cpu() for x in (run.attention, run.beta))
        return Caption(words, tuple(ids), chosen[:n], attention, beta, ended, chosen[n].item())


def check_still(module: nn.Module) -> None:
    """`ModelError` for a module in training mode: it would learn, or forget at random, while it is read."""
    if any(part.training for part in module.modules()):
        raise ModelError("the model is in training mode, in which looking changes it: call model.eval() first")


def see_all(model: Explainable, x: Tensor, bfloat16: bool = False) -> Tensor:
    """Normalised pictures (n, 3, H, W), any number → A (n, C, rows, columns), a few at a time.

    bfloat16: with three digits in the encoder, in a sixth of the time where the processor multiplies such numbers.
    """
    parts = channels_last(x).split(at_once(x, BATCH))
    with torch.autocast(x.device.type, torch.bfloat16) if bfloat16 else nullcontext():
        return torch.cat([model.encoder(part) for part in parts]).to(x.dtype)


def word_scores(
    model: Explainable,
    run: Unrolled,
    token_ids: Sequence[int],
    positions: Sequence[int],
    ops: Ops = PLAIN,
    less: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """The logits (n, T) of the words at `positions` of a caption, in each of n runs; len(token_ids) is `<end>`.

    less: a row (d',) and a bias of the output layer whose score is taken off each, e.g. those of another word.
    """
    rows = torch.tensor([[*token_ids, END][p] for p in positions], device=run.fused.device)
    weight, bias = (parameter[rows] for parameter in output_layer(model))
    if less is not None:
        weight, bias = weight - less[0], bias - less[1]
    return ops.score(run.fused[:, list(positions)], weight, bias)


def output_layer(model: Explainable) -> tuple[Tensor, Tensor]:
    """Weight and bias of the output layer; zeros where it has none."""
    weight: Tensor = model.output.weight
    bias: Tensor | None = model.output.bias
    return weight, weight.new_zeros(len(weight)) if bias is None else bias


def derivatives(scores: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The derivative of each of T scores by each input, (T, *input.shape), in one batched backward pass."""
    eye = torch.eye(len(scores), dtype=scores.dtype, device=scores.device)
    found = torch.autograd.grad(scores, list(inputs), eye, is_grads_batched=True, materialize_grads=True)
    # of an input that no score depends on torch gives one zero for all
    return tuple(g.expand(len(scores), *x.shape) for g, x in zip(found, inputs, strict=True))
