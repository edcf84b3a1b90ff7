"""The device and number format to compute in."""

import torch


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
