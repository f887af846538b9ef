"""Where tensors are worked on: a GPU where there is one."""

import joblib
import torch
from torch import Tensor

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


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
