"""Where tensors are worked on: a GPU where there is one."""

from functools import cache, partial
from timeit import repeat

import joblib
import torch
from torch import Tensor
from torch.nn.functional import conv2d

SHARE = 8 * 2**30  # bytes of a GPU that a process may want, with VGG16 and captions of twenty words


def accelerator() -> torch.device:
    """The GPU, else the processor.

    Convolutions on a GPU are told to compute in whole float32: in its shorter format accounts of relevance would close
    to three digits only.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def processes() -> int:
    """One a core; where they share a GPU, no more than its free memory allows."""
    cores: int = joblib.cpu_count()
    return min(cores, max(1, int(torch.cuda.mem_get_info()[0]) // SHARE)) if torch.cuda.is_available() else cores


def at_once(like: Tensor, few: int) -> int:
    """How many pictures or words to work on together: `few` stay in a processor's cache, a GPU wants many."""
    return few if like.device.type == "cpu" else 8 * few


def channels_last(x: Tensor) -> Tensor:
    """Pictures or weights in the order in which a processor's convolutions take a quarter less time.

    Sums differ in the last bit: for a forward pass that must repeat another's, both have to lie like this, or ties in
    flat regions are pooled otherwise.
    """
    return x if x.is_cuda else x.contiguous(memory_format=torch.channels_last)


@cache
def faster_in_bfloat16(device: torch.device) -> bool:
    """Whether the device convolves faster in bfloat16 than in float32: some have such numbers, and are slow with them.

    Of a processor it is measured, once, on a layer like those of VGG16.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        x, weight = (channels_last(torch.ones(shape, dtype=dtype)) for shape in ((1, 128, 28, 28), (128, 128, 3, 3)))
        seconds.append(min(repeat(partial(conv2d, x, weight), number=1, repeat=5)))
    return seconds[1] < seconds[0]
