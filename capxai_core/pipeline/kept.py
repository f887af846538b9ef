"""Explanations kept in a file of a tenth of a megabyte: maps are pooled and have 255 levels, the rest is float32."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from capxai_core.errors import ModelError, RequestError
from capxai_core.lrp.budget import Budget
from capxai_core.methods.explanation import Explanation
from capxai_core.models.captioner import write_tensors
from capxai_core.models.explainable import Caption

TERMS = ("logit", *Budget.names)


def save_explanations(explanations: Sequence[Explanation], path: str | Path, side: int = 56) -> Path:
    """Write explanations of one caption, one a method, as one safetensors file. side: of the maps, at most.

    Each pooled map keeps its largest |E| and 127 levels of either sign. `RequestError` for nothing, several captions,
    or a method twice.
    """
    several = len({e.caption.token_ids for e in explanations}) > 1
    if not explanations or several or len({e.method for e in explanations}) < len(explanations):
        raise RequestError("a file keeps explanations of one caption, one a method")
    said = explanations[0].caption
    tensors: dict[str, Tensor | None] = {
        "log_probs": said.log_probs, "attention": said.attention, "beta": said.beta,
    }  # fmt: skip
    for e in explanations:
        small = adaptive_avg_pool2d(e.image.float(), min(side, e.image.shape[-1]))
        peak = small.abs().amax((1, 2))
        levels = (small / peak.clamp(min=1e-30)[:, None, None] * 127).round().to(torch.int8)
        terms = None if e.budget is None else torch.stack([getattr(e.budget, name) for name in TERMS])
        of = {"maps": levels, "peak": peak, "words": e.words, "logits": e.logits, "budget": terms}
        tensors |= {f"{e.method}.{name}": value for name, value in of.items()}
    about = {
        "words": said.words, "token_ids": said.token_ids, "ended": said.ended, "end_log_prob": said.end_log_prob,
        "methods": [
            {"method": e.method, "positions": e.positions, "signed": e.signed,
             "block": e.block * max(1, round(e.image.shape[-1] / side))} for e in explanations
        ],
    }  # fmt: skip
    kept = {name: t if t.dtype == torch.int8 else t.float() for name, t in tensors.items() if t is not None}
    write_tensors(Path(path), kept, {"explanations": json.dumps(about)})
    return Path(path)


def load_explanations(path: str | Path) -> list[Explanation]:
    """What `save_explanations` wrote; maps (T, side, side) have the resolution they were kept in.

    `ModelError` where the file is missing, damaged or something else.
    """
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["explanations"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        words, ids = tuple(about["words"]), tuple(about["token_ids"])
        seen = tensors["log_probs"], tensors.get("attention"), tensors.get("beta")
        caption = Caption(words, ids, *seen, about["ended"], about["end_log_prob"])
        return [_explanation(caption, tensors, **one) for one in about["methods"]]
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file of explanations") from None
    except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{path}: is no file of explanations, or a damaged one ({error!r})") from None


def _explanation(
    caption: Caption, tensors: dict[str, Tensor], method: str, positions: list[int], signed: bool, block: int
) -> Explanation:
    image = tensors[f"{method}.maps"] / 127 * tensors[f"{method}.peak"][:, None, None]
    terms = tensors.get(f"{method}.budget")
    budget = None if terms is None else Budget(**dict(zip(TERMS, terms, strict=True)))
    words, logits = tensors.get(f"{method}.words"), tensors[f"{method}.logits"]
    return Explanation(method, caption, tuple(positions), image, words, logits, signed, budget, block)
