"""Decoding any real-world image file to the tensor a model reads, or a clear `ImageError`."""

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from capxai_core.errors import ImageError

MAX_PIXELS = 100_000_000  # a 10,000 x 10,000 scan; beyond it a file is more likely an attack than a photograph
LONGEST_SIDE = 4096  # pixels that are kept, finer than any model or page: 200 MB as floats, not 1.2 GB
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # an allow-list: some others start programs
SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


def load_image(path: str | Path) -> Tensor:
    """Decode a picture upright: float32 (3, H, W) in [0, 1], alpha laid over white.

    Honours EXIF rotation; reads grey, alpha, palette, 16-bit and CMYK files; of an animation the first frame. A picture
    longer than `LONGEST_SIDE` comes scaled down to it, which bounds the memory.
    Raises `ImageError`, naming file and reason, for anything missing, empty, broken, truncated or huge.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns about "bombs" from half its limit on; the limit that counts here is ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Opened here: of a file opened by name Pillow turns some rotated TIFFs wrong.
            with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise ImageError(
                        f"{path}: {file.width} x {file.height} pixels is more than the {MAX_PIXELS // 10**6} million "
                        "that are decoded; scale it down first"
                    )
                file.draft(None, (LONGEST_SIDE, LONGEST_SIDE))  # a longer JPEG is not even decoded in full
                file.load()
                ImageOps.exif_transpose(file, in_place=True)
                return _to_tensor(_shrunk(file))
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not an image file") from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: too large to decode safely ({error})") from None
    except ImageError:
        raise
    except Exception as error:  # damaged files make decoders raise nearly anything, TypeError and struct.error included
        known = f"it is broken, or none of {', '.join(FORMATS)}" if isinstance(error, UnidentifiedImageError) else error
        reason = "the file is empty" if os.path.isfile(path) and os.path.getsize(path) == 0 else known
        raise ImageError(f"{path}: cannot be decoded as an image: {reason}") from None


def _shrunk(image: Image.Image) -> Image.Image:
    if max(image.size) <= LONGEST_SIDE:
        return image
    # Pillow leaves out pixels of palettes and single bits instead of averaging, and garbles some 16-bit samples.
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "1" or image.mode.startswith("I;16"):
        image = image.convert("L" if image.mode == "1" else "I")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=None)
    return image


def _to_tensor(image: Image.Image) -> Tensor:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow clips 16-bit grey to 255 when converting; scale by the range the samples need instead.
        samples = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
        brightest = samples.max(initial=0) if image.mode == "F" else 65535  # integers are 16 bits, however dark
        full = next(full for full in (1, 255, 65535, brightest) if brightest <= full)
        return torch.from_numpy(np.clip(samples / full, 0, 1)).expand(3, -1, -1).contiguous()
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        image = Image.alpha_composite(white, over)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float().div_(255)


def fit(image: Tensor, side: int) -> Tensor:
    """Resize (3, H, W) to (3, side, side) directly, as the authors do: the aspect ratio is not kept."""
    if image.shape[-2:] == (side, side):
        return image
    return interpolate(image.unsqueeze(0), (side, side), mode="bilinear", antialias=True)[0].clamp(0, 1)
