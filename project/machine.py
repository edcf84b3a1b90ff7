"""CPU and memory available to this machine or container."""

import contextlib
import os
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup")


def memory_mb(cgroup: Path = _CGROUP) -> int:
    """Return the available memory in MiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # There is no such file or number without a container or a limit.
        total = min(total, int((cgroup / "memory.max").read_text()))
    return total // 2**20


def cores(cgroup: Path = _CGROUP) -> float:
    """Return the number of CPU cores; a container may have a fraction."""
    whole = float(os.cpu_count() or 1)
    with contextlib.suppress(OSError, ValueError):
        quota_us, period_us = (cgroup / "cpu.max").read_text().split()
        return min(whole, int(quota_us) / int(period_us))
    return whole
