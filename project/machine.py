"""What this machine has, or the container that may use less of it."""

import contextlib
import os
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup")


def memory_mb(cgroup: Path = _CGROUP) -> int:
    """Return the memory in MiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # Without a container or a limit there is no such number.
        total = min(total, int((cgroup / "memory.max").read_text()))
    return total // 2**20


def cores(cgroup: Path = _CGROUP) -> float:
    """Return how many cores' time a process gets; a container may have a part of one."""
    whole = float(os.cpu_count() or 1)
    with contextlib.suppress(OSError, ValueError):
        quota_us, period_us = (cgroup / "cpu.max").read_text().split()
        return min(whole, int(quota_us) / int(period_us))
    return whole
