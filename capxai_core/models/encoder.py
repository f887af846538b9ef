"""The image encoder: VGG's convolutions up to the last ReLU before the last pooling (relu5_3 in VGG16)."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from capxai_core.data.images import fit
from capxai_core.errors import ModelError

Blocks = tuple[tuple[int, ...], ...]
VGG16_BLOCKS: Blocks = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
SCENES_BLOCKS: Blocks = ((16,), (32, 32), (64, 64), (128, 128), (128, 128))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet, as torchvision's weights expect


class Encoder(nn.Module):
    """Blocks of 3x3 convolutions, ReLUs and 2x2 max-pooling between blocks; parameter names as in torchvision's VGG.

    `size` is the side in pixels of the square input; the feature map A is (C, size / 2^(blocks - 1), ...).
    """

    def __init__(self, blocks: Sequence[Sequence[int]], size: int) -> None:
        super().__init__()
        self.blocks: Blocks = tuple(tuple(b) for b in blocks)
        self.size = size
        layers: list[nn.Module] = []
        channels = 3
        for k, block in enumerate(self.blocks):
            if k:
                layers.append(nn.MaxPool2d(2, 2))
            for width in block:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.channels = channels
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    @property
    def grid(self) -> int:
        """Positions along one side of the feature map A."""
        return self.size >> (len(self.blocks) - 1)

    def normalise(self, image: Tensor) -> Tensor:
        """Any picture (3, H, W) in [0, 1] → the network's input (1, 3, size, size), on the encoder's device."""
        fitted = fit(image, self.size).to(self.mean)
        return ((fitted - self.mean) / self.std).unsqueeze(0)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised input (n, 3, size, size) → A (n, C, grid, grid), non-negative."""
        a: Tensor = self.features(x)
        return a

    def fingerprint(self) -> str:
        """SHA-256 of the weights as float32: captioners refuse an encoder other than the one they were trained on."""
        digest = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return digest.hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; `ModelError` naming the file when it is missing, truncated or foreign."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: is not a readable safetensors file ({error})") from None


def load_weights(module: nn.Module, tensors: dict[str, Tensor], where: object) -> None:
    """Copy tensors into a module; `ModelError` naming the first entry that is missing, extra or misshapen."""
    expected = module.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            kind = "lacks" if name not in tensors else "has an unknown"
            raise ModelError(f"{where}: {kind} tensor '{name}'; it belongs to another model")
        if tensors[name].shape != expected[name].shape:
            shapes = f"{tuple(tensors[name].shape)}, not {tuple(expected[name].shape)}"
            raise ModelError(f"{where}: tensor '{name}' is {shapes}; it belongs to another model")
        if not tensors[name].isfinite().all():
            raise ModelError(f"{where}: tensor '{name}' holds values that are not finite numbers; the file is damaged")
    module.load_state_dict({name: value.float() for name, value in tensors.items()})


def vgg16(data: str | Path | None = None) -> Encoder:
    """VGG16 with ImageNet weights, 224x224 input, A of 512 x 14 x 14.

    Read from `<data>/vgg16/vgg16_features.fp16.safetensors` (`data` defaults to $CAPXAI_DATA) where that file
    exists, else torchvision's `VGG16_Weights.IMAGENET1K_V1`, downloaded once. `ModelError` says what to do
    where neither can be had.
    """
    encoder = Encoder(VGG16_BLOCKS, 224)
    root = data or os.environ.get("CAPXAI_DATA")
    path = Path(root) / "vgg16" / "vgg16_features.fp16.safetensors" if root else None
    if path is not None and path.is_file():
        load_weights(encoder, read_tensors(path), path)
    else:
        encoder.features.load_state_dict(_torchvision_features(path))
    return encoder.eval().requires_grad_(False)


def _torchvision_features(path: Path | None) -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights

    weights = VGG16_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:  # not there, not to be had, or cut short
        looked = f"no file {path}" if path else "CAPXAI_DATA is not set"
        why = str(error) or "the file is cut short"
        raise ModelError(
            f"VGG16 weights: {looked}, and torchvision's could not be downloaded or read ({why}). Put "
            "vgg16_features.fp16.safetensors into the folder 'vgg16' of your data folder and set CAPXAI_DATA to it, "
            f"or copy {weights.url.rsplit('/', 1)[-1]} into {torch.hub.get_dir()}/checkpoints"
        ) from None
    return {k.removeprefix("features."): v for k, v in state.items() if k.startswith("features.")}
