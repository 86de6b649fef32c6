"""The process of a command: set up before anything heavy is imported."""

import atexit
import ctypes
import gc
import os

__all__ = ["set_up"]

_ENVIRONMENT = {
    # How long polars keeps memory that it has freed: as long as jemalloc does by itself. Polars gives it back twenty
    # times as soon, and a tenth of what an import costs the client goes into getting it anew, chunk by chunk.
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:10000,muzzy_decay_ms:10000",
    # No matrix is multiplied here, and numpy starts a thread for each processor that would.
    "OPENBLAS_NUM_THREADS": "1",
}
# As malloc.h of glibc numbers them; the first takes no more than this.
_MMAP_THRESHOLD, _MMAP_BYTES = -3, 32 << 20
_TRIM_THRESHOLD, _TRIM_BYTES = -1, 128 << 20
# What is imported is kept, more than 100,000 objects: looking for garbage among them takes 0.03 s.
_ALLOCATIONS_BETWEEN_COLLECTIONS = 250_000


def set_up() -> None:
    """Saves an import a tenth of its time, and its end; variables that the caller has set stay."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _keep_freed_memory()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    # The last collections of a process look at all that is imported once more: 0.06 s of an import.
    atexit.register(gc.freeze)


def _keep_freed_memory() -> None:
    """Has glibc keep what a chunk took: the next one would get it anew page by page, for 3 % of the client's time."""
    mallopt = getattr(ctypes.pythonapi, "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_TRIM_THRESHOLD, _TRIM_BYTES)
