"""The allocator of the C library, which is to give large blocks back to the system.

See docs/decisions/075-heavy-work-passes-one-by-one.md.
"""

import ctypes
import logging

logger = logging.getLogger(__name__)

#: Parameters of glibc's `mallopt`.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8

#: Bytes from which on a block has memory of its own, which goes back when it is freed.
LARGE_BLOCK = 128 << 10

#: Heaps in which the threads of a process share what is smaller.
ARENAS = 2


def return_large_blocks() -> None:
    """Have large blocks of memory returned to the system as soon as they are freed.

    glibc raises its threshold to the largest block that was freed, up to 32 MiB, and then keeps
    such blocks in its heaps: a few large request bodies made a process larger for good. Other C
    libraries have no such threshold, and are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return
    if not (mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK) and mallopt(M_ARENA_MAX, ARENAS)):
        logger.debug("the allocator keeps its own thresholds")
