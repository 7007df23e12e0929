"""Where memory is small, a page drops the models that nobody has used for a while; the next run loads them again."""

import threading
import time

from remdm.hub import memory
from remdm.hub.loading import MODEL_CACHE
from remdm.models.checkpoints import EMBEDDED

SMALL = 4e9
"""Bytes of memory below which a machine, or a container, is small."""
IDLE = 600
"""Seconds after which a model counts as unused."""


def watch(every: float = 60) -> threading.Thread | None:
    """Begin to look for unused models every so many seconds; None on a machine that is not small."""
    if (memory.total() or SMALL) >= SMALL:
        return None
    thread = threading.Thread(target=_look, args=(every,), daemon=True)
    thread.start()
    return thread


def _look(every: float) -> None:
    while True:
        time.sleep(every)
        for cache in (EMBEDDED, MODEL_CACHE):
            cache.drop_unused(IDLE)
