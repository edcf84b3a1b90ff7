"""``manage.py serve`` that collects garbage on SIGUSR1 and confirms it, to measure memory in use.

``python -m benchmarks.peers.collectable`` takes the options of ``manage.py serve``.
"""

import asyncio
import ctypes
import gc
import os
import signal
import sys
from types import FrameType

from daphne.server import twisted_loop
from django.core.management import execute_from_command_line

COLLECTED = "collected"


def _collect(signum: int, frame: FrameType | None) -> None:
    gc.collect()
    if sys.platform == "linux":
        # Returns freed pages to the system, which the allocator would otherwise keep.
        ctypes.CDLL(None).malloc_trim(0)
    print(f"{COLLECTED}, {len(asyncio.all_tasks(twisted_loop))} tasks", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _collect)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    execute_from_command_line(["manage.py", "serve", *sys.argv[1:]])
