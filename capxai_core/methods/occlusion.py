"""Occlusion: what the score loses without a part of the picture, or without a word. It looks into no model."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from capxai_core.data.vocabulary import UNK
from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.registry import Method, upsample
from capxai_core.models.device import at_once
from capxai_core.models.explainable import BATCH, Caption, Explainable, see_all, word_scores


@dataclass(frozen=True)
class Occlusion(Method):
    """The drop of the logit when a window around each position of the grid turns gray, and each word `<unk>`.

    window: its side, in positions of the encoder's grid. bfloat16: see `see_all`.
    """

    name, label = "occlusion", "Occlusion"
    signed, pixel_level, linguistic = True, False, True
    reference = "Zeiler and Fergus 2014, Visualizing and understanding convolutional networks"
    window: int = 3
    bfloat16: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.window, int) and self.window > 0):
            raise RequestError(f"window must be a whole number above 0, not {self.window!r}")

    @torch.no_grad()
    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """One forward pass a position; all words share them."""
        ids, x, embedded = caption.token_ids, model.normalise(image), model.embed(caption.token_ids)
        a = see_all(model, x, self.bfloat16)
        logits = word_scores(model, model.unroll(a, embedded), ids, positions)[0]
        rows, columns = a.shape[-2:]
        cells, drops = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)), []
        for part in cells.split(at_once(x, BATCH)):
            hidden = x.repeat(len(part), 1, 1, 1)
            for k, (row, column) in enumerate(part.tolist()):
                down, across = self._reach(row, rows, x.shape[-2]), self._reach(column, columns, x.shape[-1])
                hidden[k, :, down, across] = 0
            run = model.unroll(see_all(model, hidden, self.bfloat16), embedded.expand(len(part), -1, -1))
            drops.append(logits - word_scores(model, run, ids, positions))
        maps = torch.cat(drops).T.unflatten(1, (rows, -1))
        n = embedded.shape[1]
        unknown = embedded.repeat(n, 1, 1)
        unknown[torch.arange(n), torch.arange(n)] = model.embedding.weight[UNK]
        run = model.unroll(a.expand(n, -1, -1, -1), unknown)
        words = (logits - word_scores(model, run, ids, positions)).T
        later = torch.arange(n) > torch.tensor(positions).unsqueeze(1)
        words = words.masked_fill(later.to(words.device), 0)  # not even to rounding
        return self.answer(caption, positions, upsample(maps, model.size), words, logits)

    def _reach(self, position: int, positions: int, pixels: int) -> slice:
        """The pixels, along one side, of the window around a position of the grid."""
        low, high = position - (self.window - 1) / 2, position + (self.window + 1) / 2
        return slice(max(0, math.floor(low * pixels / positions)), math.ceil(high * pixels / positions))
