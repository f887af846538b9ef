"""A captioner: encoder, decoder and vocabulary, which belong together and are saved together."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from capxai_core.data.vocabulary import Vocabulary
from capxai_core.errors import ModelError, RequestError
from capxai_core.files import atomic
from capxai_core.models.adaptive import Adaptive
from capxai_core.models.decoder import Decoder
from capxai_core.models.encoder import VGG16_BLOCKS, Encoder, load_weights, read_tensors, vgg16
from capxai_core.models.explainable import MAX_READ, Caption, Explainable, Unrolled
from capxai_core.models.grid_td import GridTD
from capxai_core.models.ops import PLAIN, Ops
from capxai_core.models.search import MAX_WORDS, beam_search

DECODERS: dict[str, type[Decoder]] = {"adaptive": Adaptive, "grid_td": GridTD}
PRETRAINED = Path(__file__).parent.parent / "pretrained"


class Captioner(Explainable):
    """Encoder + decoder + vocabulary. `architecture` is a key of DECODERS; `profile` the data it was trained on.

    variant: what else it was trained for, e.g. `cider`; its name then ends so.
    """

    encoder: Encoder
    decoder: Decoder

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        vocabulary: Vocabulary,
        architecture: str,
        profile: str,
        variant: str = "",
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.vocabulary = encoder, decoder, vocabulary
        self.architecture, self.profile, self.variant = architecture, profile, variant
        self.name, self.size = f"{profile}/{architecture}{'_' * bool(variant)}{variant}", encoder.size
        if profile == "scenes":
            self.warning = "This captioner knows only drawn scenes: what it says about a photograph means nothing."

    @property
    def embedding(self) -> nn.Embedding:
        """W_e."""
        return self.decoder.embedding

    @property
    def output(self) -> nn.Linear:
        """fc."""
        return self.decoder.fc

    def normalise(self, image: Tensor) -> Tensor:
        """Any picture (3, H, W) in [0, 1] → (1, 3, size, size)."""
        return self.encoder.normalise(image)

    def caption(self, image: Tensor, beam_size: int = 3, max_words: int = MAX_WORDS) -> Caption:
        """What the model says about a picture (3, H, W) in [0, 1], by beam search."""
        if not (1 <= beam_size <= MAX_READ and 1 <= max_words <= MAX_READ):
            raise RequestError(f"beam_size and max_words are 1 to {MAX_READ}, not {beam_size} and {max_words}")
        a = self.see(image)
        tokens = beam_search(self.decoder, a, beam_size, max_words)[0]
        return self.follow(a, tokens[:-1], ended=len(tokens) <= max_words)

    def unroll(self, a: Tensor, embedded: Tensor, ops: Ops = PLAIN) -> Unrolled:
        """Section III-B along captions of n pictures; see `Explainable`."""
        features = self.decoder.encode(a, ops)
        state = self.decoder.start(len(embedded), features.v)
        fused, attention, beta = [], [], []
        for word in embedded.unbind(1):
            step, state = self.decoder.step(word, features, state, ops)
            fused.append(self.decoder.fuse(step, ops))
            attention.append(step.attention)
            beta.append(step.beta)
        return Unrolled(torch.stack(fused, 1), torch.stack(attention, 1), torch.stack(beta, 1))


def save_captioner(model: Captioner, path: Path, trained: dict[str, Any]) -> None:
    """Write decoder and vocabulary as one safetensors file (atomically); the encoder is named by its fingerprint."""
    content = {
        "architecture": model.architecture,
        "profile": model.profile,
        "config": model.decoder.config,
        "words": model.vocabulary.words,
        "encoder": "vgg16" if model.encoder.blocks == VGG16_BLOCKS else "own",
        "encoder_fingerprint": model.encoder.fingerprint(),
        "trained": trained,
    } | ({"variant": model.variant} if model.variant else {})
    write_tensors(path, dict(model.decoder.state_dict()), {"captioner": json.dumps(content)})


def save_encoder(encoder: Encoder, path: Path, trained: dict[str, Any]) -> None:
    """Write an encoder trained here as one safetensors file (atomically)."""
    content = {"blocks": encoder.blocks, "size": encoder.size, "trained": trained}
    write_tensors(path, dict(encoder.state_dict()), {"encoder": json.dumps(content)})


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file, written under another name first so that none is ever left half-written."""
    with atomic(path) as partial:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata)
        partial.chmod(0o644)  # safetensors writes files that only their owner may read


def load_encoder(path: str | Path) -> Encoder:
    """An encoder written by `save_encoder`; `ModelError` where the file is missing, damaged or something else."""
    content = read_metadata(Path(path), "encoder")
    try:
        encoder = Encoder(content["blocks"], content["size"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: damaged description of the encoder ({error!r})") from None
    load_weights(encoder, read_tensors(Path(path)), path)
    return encoder.eval().requires_grad_(False)


def load_captioner(name: str | Path, encoder: Encoder | None = None, data: Path | None = None) -> Captioner:
    """`"scenes/grid_td"`, `"flickr8k/grid_td"` (of `runs/`, trained here, else shipped), or a path to a weights file.

    encoder: only to insist on a particular one; the default is the one the captioner names. data: folder in which
    VGG16's weights are looked for, $CAPXAI_DATA by default. `ModelError` where weights are missing or damaged, or
    where the encoder is not the one the captioner was trained on.
    """
    path = find_weights(name)
    content = read_metadata(path, "captioner")
    try:
        vocabulary = Vocabulary(tuple(str(word) for word in content["words"]))
        architecture, profile = str(content["architecture"]), str(content["profile"])
        kind, wanted, variant = str(content["encoder"]), str(content["encoder_fingerprint"]), content.get("variant", "")
        if content["config"]["vocabulary"] != len(vocabulary):
            raise ValueError(f"{len(vocabulary)} words for a decoder of {content['config']['vocabulary']}")
        decoder = DECODERS[architecture](**content["config"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: damaged description of the captioner ({error!r})") from None
    load_weights(decoder, read_tensors(path), path)
    choices = [encoder] if encoder else [vgg16(data)] if kind == "vgg16" else _own_encoders(path)
    encoder = next((choice for choice in choices if choice.fingerprint() == wanted), None)
    if encoder is None:
        raise ModelError(
            f"{path}: was trained on another encoder (fingerprint {wanted[:12]}…, not "
            f"{', '.join(choice.fingerprint()[:12] for choice in choices)}…); weights of different origin are not "
            "interchangeable. Put the encoder it was trained on beside it as encoder.safetensors (or, for VGG16, into "
            "the data folder), or train again"
        )
    if not torch.cuda.is_available():
        encoder.to(memory_format=torch.channels_last)  # a processor's convolutions are faster so
    model = Captioner(encoder, decoder, vocabulary, architecture, profile, str(variant))
    return model.eval().requires_grad_(False)


def find_weights(name: str | Path) -> Path:
    """The weights file a name or path stands for: a file, one trained here (`runs/<name>/`), or one that ships.

    Those of photographs ship beside the numbers they gave (`results/<name>/`), those of `scenes` in the package.
    """
    here = [Path(name), *(Path(up) / kept / name for kept in ("runs", "results") for up in (".", ".."))]  # .. of book/
    candidates = [Path(name), *(place / "captioner.safetensors" for place in here), PRETRAINED / f"{name}.safetensors"]
    found = next((path for path in candidates if os.path.isfile(path)), None)  # False, too, for an over-long name
    if found is None:
        weights = [p.with_suffix("") for p in sorted(PRETRAINED.glob("*/*.safetensors")) if p.stem != "encoder"]
        weights += [p.parent for p in sorted(Path("results").glob("*/*/captioner.safetensors"))]
        shipped = ", ".join(f"{p.parent.name}/{p.name}" for p in weights)
        raise ModelError(
            f"no captioner '{name}': neither a weights file, nor trained under runs/{name}, nor shipped ({shipped}). "
            "Train one with: capxai train --profile scenes|flickr8k … --model grid_td"
        )
    return found


def _own_encoders(path: Path) -> list[Encoder]:
    folders = [path.parent, path.parent.parent, Path("runs/scenes"), PRETRAINED / "scenes"]
    files = [folder / "encoder.safetensors" for folder in folders]
    return [load_encoder(file) for file in files if file.is_file()]


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
