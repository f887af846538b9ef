"""A captioner: encoder, decoder and vocabulary, which belong together and are saved together."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from capxai_core.data.vocabulary import END, START, Vocabulary
from capxai_core.errors import ModelError, RequestError
from capxai_core.models.decoder import Decoder
from capxai_core.models.encoder import Encoder, load_weights, read_tensors, vgg16
from capxai_core.models.grid_td import GridTD
from capxai_core.models.ops import PLAIN, Ops
from capxai_core.models.search import MAX_WORDS, beam_search

DECODERS: dict[str, type[Decoder]] = {"grid_td": GridTD}
PRETRAINED = Path(__file__).parent.parent / "pretrained"


@dataclass(frozen=True)
class Caption:
    """A caption as the model reads it, T words without `<start>` and `<end>`.

    log_probs (T,) of the words; attention (T, L), eq. (7); beta (T,), eq. (10). `ended` says whether the model closed
    the caption itself, `end_log_prob` how probable that was after the last word.
    """

    words: tuple[str, ...]
    token_ids: tuple[int, ...]
    log_probs: Tensor
    attention: Tensor
    beta: Tensor
    ended: bool
    end_log_prob: float

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Unrolled:
    """A decoder run along a given caption. N = T + 1 steps, the last of which predicts `<end>`.

    a: (1, C, H, W) and embedded: (N, d), the two places where evidence enters; fused: (N, d), what fc reads;
    attention (N, L), beta (N,).
    """

    a: Tensor
    embedded: Tensor
    fused: Tensor
    attention: Tensor
    beta: Tensor


class Captioner(nn.Module):
    """Encoder + decoder + vocabulary. `architecture` is a key of DECODERS; `profile` the data it was trained on."""

    def __init__(
        self, encoder: Encoder, decoder: Decoder, vocabulary: Vocabulary, architecture: str, profile: str
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.vocabulary = encoder, decoder, vocabulary
        self.architecture, self.profile = architecture, profile

    @property
    def name(self) -> str:
        """`profile/architecture`."""
        return f"{self.profile}/{self.architecture}"

    @property
    def size(self) -> int:
        """Side in pixels of the square picture the encoder sees."""
        return self.encoder.size

    @property
    def warning(self) -> str | None:
        """What every output on a picture from elsewhere must say, or None."""
        if self.profile == "scenes":
            return "This captioner knows only drawn scenes: what it says about a photograph means nothing."
        return None

    @torch.no_grad()
    def see(self, image: Tensor) -> Tensor:
        """A picture (3, H, W) in [0, 1] → the encoder's A (1, C, grid, grid)."""
        a: Tensor = self.encoder(self.encoder.normalise(image))
        return a

    def caption(self, image: Tensor, beam_size: int = 3, max_words: int = MAX_WORDS) -> Caption:
        """What the model says about a picture (3, H, W) in [0, 1], by beam search."""
        if beam_size < 1 or max_words < 1:
            raise RequestError(f"beam_size and max_words must be at least 1, not {beam_size} and {max_words}")
        a = self.see(image)
        tokens = beam_search(self.decoder, a, beam_size, max_words)[0]
        return self._read(a, tokens[:-1], ended=len(tokens) <= max_words)

    def read(self, image: Tensor, words: Sequence[str] | str) -> Caption:
        """A caption of your own as the model reads it ("what if it had said …"); unknown words become `<unk>`."""
        words = words.split() if isinstance(words, str) else words
        if not words:
            raise RequestError("a caption needs at least one word")
        return self._read(self.see(image), self.vocabulary.encode(words), ended=False)

    @torch.no_grad()
    def _read(self, a: Tensor, ids: list[int], ended: bool) -> Caption:
        run = self.unroll(a, ids)
        log_p = torch.log_softmax(self.decoder.fc(run.fused), dim=-1)
        chosen = log_p.gather(1, torch.tensor([*ids, END], device=log_p.device).unsqueeze(1)).squeeze(1)
        words, n = self.vocabulary.decode(ids), len(ids)
        return Caption(words, tuple(ids), chosen[:n], run.attention[:n], run.beta[:n], ended, chosen[n].item())

    def unroll(self, a: Tensor, token_ids: Sequence[int], ops: Ops = PLAIN) -> Unrolled:
        """Run the decoder along `<start>` and the given words; see `Unrolled`. Differentiable in `a` and `embedded`."""
        ids = torch.tensor([START, *token_ids], device=a.device)
        embedded = self.decoder.embedding(ids)
        if torch.is_grad_enabled():
            embedded = embedded.detach().requires_grad_()
        features = self.decoder.encode(a, ops)
        state = self.decoder.start(1, features.v)
        fused, attention, beta = [], [], []
        for t in range(len(ids)):
            step, state = self.decoder.step(embedded[t : t + 1], features, state, ops)
            fused.append(self.decoder.fuse(step, ops))
            attention.append(step.attention)
            beta.append(step.beta)
        return Unrolled(a, embedded, torch.cat(fused), torch.cat(attention), torch.cat(beta))


def word_scores(
    model: Captioner, run: Unrolled, token_ids: Sequence[int], positions: Sequence[int], ops: Ops
) -> Tensor:
    """The logits (T,) of the words at `positions` of a caption; position len(token_ids) is `<end>`."""
    rows = torch.tensor([[*token_ids, END][p] for p in positions], device=run.fused.device)
    fc = model.decoder.fc
    return ops.score(run.fused[list(positions)], fc.weight[rows], fc.bias[rows])


def derivatives(scores: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The derivative of each of T scores by each input, (T, *input.shape), in one batched backward pass."""
    eye = torch.eye(len(scores), dtype=scores.dtype, device=scores.device)
    return torch.autograd.grad(scores, list(inputs), eye, is_grads_batched=True)


def save_captioner(model: Captioner, path: Path, trained: dict[str, Any]) -> None:
    """Write decoder and vocabulary as one safetensors file (atomically); the encoder is named by its fingerprint."""
    content = {
        "architecture": model.architecture,
        "profile": model.profile,
        "config": model.decoder.config,
        "words": model.vocabulary.words,
        "encoder": "vgg16" if model.profile != "scenes" else "scenes",
        "encoder_fingerprint": model.encoder.fingerprint(),
        "trained": trained,
    }
    write_tensors(path, dict(model.decoder.state_dict()), {"captioner": json.dumps(content)})


def save_encoder(encoder: Encoder, path: Path, trained: dict[str, Any]) -> None:
    """Write an encoder trained here as one safetensors file (atomically)."""
    content = {"blocks": encoder.blocks, "size": encoder.size, "trained": trained}
    write_tensors(path, dict(encoder.state_dict()), {"encoder": json.dumps(content)})


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file, written under another name first so that none is ever left half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata)
        partial.chmod(0o644)  # safetensors writes files that only their owner may read
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_encoder(path: str | Path) -> Encoder:
    """An encoder written by `save_encoder`; `ModelError` where the file is missing, damaged or something else."""
    content = read_metadata(Path(path), "encoder")
    try:
        encoder = Encoder(content["blocks"], content["size"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: damaged description of the encoder ({error!r})") from None
    load_weights(encoder, read_tensors(Path(path)), path)
    return encoder.eval().requires_grad_(False)


def load_captioner(name: str | Path, encoder: Encoder | None = None) -> Captioner:
    """`"scenes/grid_td"` (shipped), `"flickr8k/grid_td"` (once trained, under `runs/`), or a path to a weights file.

    encoder: only to insist on a particular one; the default is the one the captioner names. `ModelError` where the
    weights are missing or damaged, or where the encoder is not the one the captioner was trained on.
    """
    path = find_weights(name)
    content = read_metadata(path, "captioner")
    try:
        vocabulary = Vocabulary(tuple(content["words"]))
        decoder = DECODERS[content["architecture"]](**content["config"])
        architecture, profile, wanted = content["architecture"], content["profile"], content["encoder_fingerprint"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: damaged description of the captioner ({error!r})") from None
    load_weights(decoder, read_tensors(path), path)
    encoder = encoder or _encoder_of(content["encoder"], path)
    if encoder.fingerprint() != wanted:
        raise ModelError(
            f"{path}: was trained on another encoder (fingerprint {wanted[:12]}…, not "
            f"{encoder.fingerprint()[:12]}…); weights of different origin are not interchangeable. Give the encoder "
            "it was trained on, or train again"
        )
    model = Captioner(encoder, decoder, vocabulary, architecture, profile)
    return model.eval().requires_grad_(False)


def find_weights(name: str | Path) -> Path:
    """The weights file a name or path stands for: a file, `runs/<name>/captioner.safetensors`, or a shipped one."""
    candidates = [
        Path(name),
        Path(name) / "captioner.safetensors",
        Path("runs") / name / "captioner.safetensors",
        Path("../runs") / name / "captioner.safetensors",  # from a notebook in book/
        PRETRAINED / f"{name}.safetensors",
    ]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        shipped = ", ".join(sorted(f"{p.parent.name}/{p.stem}" for p in PRETRAINED.glob("*/[!e]*.safetensors")))
        raise ModelError(
            f"no captioner '{name}': neither a weights file, nor trained under runs/{name}, nor shipped ({shipped}). "
            "Train one with: capxai train --profile PROFILE --model MODEL"
        )
    return found


def _encoder_of(kind: str, path: Path) -> Encoder:
    if kind == "vgg16":
        return vgg16()
    beside = [path.parent / "encoder.safetensors", path.parent.parent / "encoder.safetensors"]
    return load_encoder(next((p for p in beside if p.is_file()), PRETRAINED / "scenes" / "encoder.safetensors"))


def read_metadata(path: Path, key: str) -> dict[str, Any]:
    """The JSON stored under `key` in a safetensors header."""
    try:
        with safe_open(path, "pt") as file:
            content = json.loads((file.metadata() or {})[key])
    except FileNotFoundError:
        raise ModelError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: is not a readable safetensors file ({error})") from None
    except KeyError:
        raise ModelError(f"{path}: holds no {key} (a weights file written by capxai does)") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path}: damaged description of the {key}")
    return content
