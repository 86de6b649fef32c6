"""Advisory locks on files (flock): the kernel releases them when their holder ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["held", "open_private", "try_hold"]


def open_private(path: Path, flags: int = 0) -> int:
    """Return a descriptor of a file, made for its owner's eyes only if missing; a link is not followed."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock on `path` until the block ends; waits for whoever holds it."""
    descriptor = open_private(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_hold(descriptor: int) -> bool:
    """Take the lock without waiting; false if somebody holds it.

    The lock belongs to the open file: a child that inherits the descriptor keeps it after this process has
    closed its own.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
