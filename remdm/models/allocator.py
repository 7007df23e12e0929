"""What the C library does with freed memory. Both do nothing where it is not glibc."""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of `mallopt` (glibc's malloc.h)."""


def keep() -> None:
    """Keep it for what is allocated next, in a process that has the machine to itself.

    By default the megabytes that each operation of a large forward takes come from the system and go back to it: a
    seventh of the time of a batch.
    """
    _call("mallopt", M_MMAP_THRESHOLD, 1 << 30)
    _call("mallopt", M_TRIM_THRESHOLD, (1 << 31) - 1)


def give_back() -> None:
    """Return it to the system, as a server should after it has dropped or converted weights."""
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    with suppress(OSError, TypeError, AttributeError):
        getattr(ctypes.CDLL(None), name)(*numbers)
