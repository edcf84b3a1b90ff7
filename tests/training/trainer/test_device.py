import platform
import subprocess
import sys

import pytest

PAGES_OF_NEW_TENSORS = """
import resource, torch
from training.trainer.device import keep_freed_memory
keep_freed_memory()
def fill():
    for _ in range(5):
        torch.ones(2**24)
for _ in range(4):
    fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these options")
def test_new_tensors_take_the_memory_of_freed_ones() -> None:
    done = subprocess.run([sys.executable, "-c", PAGES_OF_NEW_TENSORS], capture_output=True, text=True, check=True)
    # Five tensors of 64 MB are 81,920 pages of 4 KB.
    assert int(done.stdout) < 1000
