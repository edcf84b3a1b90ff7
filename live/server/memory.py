"""Keeps the garbage collector quick, and gives memory back to the system after a burst: the C library would keep it."""

import asyncio
import ctypes
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_EVERY_S: Final = 15.0
_GROWN: Final = 1.1
"""Growth that is worth the work, for which threads that need memory may wait."""
_BUSY: Final = 0.5
"""Share of one core from which on the process is busy: it would soon want back what it gives, and wait for it."""
_STATM: Final = Path("/proc/self/statm")
_COLLECTIONS: Final = 2
"""Collections of younger garbage before all of it is collected. After Python's 10, that stops the loop for 40 ms."""


async def keep_trimming() -> None:
    """Give memory back when there is more than there was at the least, until cancelled. Only with glibc, on Linux.

    Not while the process is busy, as in a burst. Where nothing could be given back it is tried again, half as often.
    """
    # What was loaded at start stays. Not looking at it again makes each collection quick.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _COLLECTIONS)
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None or not _STATM.exists():
        return
    least, pause_s = 0, _EVERY_S
    while True:
        began_s = time.process_time()
        await asyncio.sleep(pause_s)
        is_busy = time.process_time() - began_s > _BUSY * pause_s
        pause_s = _EVERY_S
        before = resident_bytes()
        least = min(least, before)
        if before > _GROWN * least and not is_busy:
            # Closed connections refer to themselves in circles, and an idle server never collects by itself.
            gc.collect()
            # In a thread, since the call releases the interpreter.
            await asyncio.to_thread(trim, 0)
            after = resident_bytes()
            least = min(least or after, after)
            if before <= _GROWN * after:
                pause_s = 2 * _EVERY_S


def resident_bytes() -> int:
    """Return the memory that this process has from the system."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
