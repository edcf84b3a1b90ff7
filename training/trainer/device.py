"""The device and number format to compute in."""

import contextlib
import ctypes
from typing import Final

import torch

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Numbers of options in glibc's malloc.h."""


def pick_device(wanted: str) -> torch.device:
    """Return the device of this name; ``auto`` is CUDA if available, else the CPU."""
    fastest = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(fastest if wanted == "auto" else wanted)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether to compute in bf16. A CPU without bf16 instructions is many times slower in it than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - PyTorch has no public name for it


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors for the next ones of this process; elsewhere, change nothing.

    Otherwise it returns each large tensor's memory to the system, which has to clear its pages again for the next
    tensor: up to 40 % of the CPU time of a training step, measured with batches of 6,144 tokens.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        options = ctypes.CDLL(None)
        for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            options.mallopt(option, 2**31 - 1)
