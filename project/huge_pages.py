"""Memory in huge pages, which the C library only takes from what is set before a program starts."""

import os
import sys
from typing import Final

_VARIABLE: Final = "GLIBC_TUNABLES"


def restart_with_huge_pages() -> None:
    """Replace this program by itself with memory in huge pages, unless it has them or ``GLIBC_TUNABLES`` is set.

    After a pause in typing, each of the model's 6,000 small pages has to be looked up anew; on a virtual machine that
    took a fifth of a key's time. Returns where there is no Linux. Another C library than glibc ignores the variable.
    """
    if sys.platform == "linux" and _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = "glibc.malloc.hugetlb=1"
        os.execv(sys.executable, sys.orig_argv)
