"""Workers of this machine: each holds a lock while it lives, so that another can tell that it is dead.

A lease of a worker that nobody can ask is waited for until it is stale. A process of this machine can be asked: the
kernel gives its lock up when it ends, however it ends, which no process number could tell.
"""

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from plaintiff_moat.home import home_folder
from plaintiff_moat.redaction import redact

__all__ = ["Worker", "default_worker_id", "living_worker", "succeeding"]

# Long after every lease is stale; a living worker's sign is locked, however old.
_KEPT_SECONDS = 30 * 24 * 3600


def default_worker_id() -> str:
    """A name for this worker that no other has: host, process, and a random part."""
    return redact(f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}")


@contextmanager
def living_worker() -> Iterator[str]:
    """A worker's name, known to be alive until the block ends; where no lock can be had, it is a name only.

    A block that ends by an exception leaves the name's sign behind, like a process that was killed: what it held can be
    taken over at once.
    """
    worker_id = default_worker_id()
    sign = _sign(worker_id)
    with suppress(OSError):
        sign.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(sign.parent)
    with _locked(sign):
        yield worker_id


class Worker:
    """Who does one piece of work after the other: `worker_id` if it is given, else a name that is known to be alive.

    The name is kept until a piece ends by an exception. That leaves it behind as one of the dead, because it may hold a
    lease whose end could not be reported; the next piece is done under a name of its own.
    """

    def __init__(self, worker_id: str | None) -> None:
        self._worker_id = worker_id
        self._name: str | None = None
        self._life = ExitStack()

    @contextmanager
    def at_work(self) -> Iterator[str]:
        """The name, for one piece of work."""
        if self._worker_id:
            yield self._worker_id
            return
        if self._name is None:
            self._name = self._life.enter_context(living_worker())
        try:
            yield self._name
        except BaseException as fault:
            self._name = None
            self._life.__exit__(type(fault), fault, fault.__traceback__)
            raise

    def close(self) -> None:
        """Ends the name well: it holds nothing that anybody would take over."""
        self._name = None
        self._life.close()


@contextmanager
def succeeding(worker_id: str | None) -> Iterator[bool]:
    """Whether this worker lived on this machine and is dead; while the block runs nobody else succeeds it."""
    sign = _sign(worker_id or "")
    if not sign.exists():
        yield False
        return
    with _locked(sign) as is_dead:
        yield is_dead


@contextmanager
def _locked(sign: Path) -> Iterator[bool]:
    """Whether the lock could be had; it is given up at the end, and the sign is taken down if all went well."""
    # whatever thread gives it up
    lock = FileLock(sign, timeout=0, mode=0o600, fallback_to_soft=False, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
        # before it is free: whoever opened it meanwhile holds a file without a name, and looks again
        with suppress(OSError):
            sign.unlink()
    finally:
        lock.release()


def _sweep(folder: Path) -> None:
    """Takes down the signs of the dead whom nobody has succeeded while it mattered."""
    for sign in folder.glob("*.lock"):
        if time.time() - sign.stat().st_mtime > _KEPT_SECONDS:
            with _locked(sign):
                pass


def _sign(worker_id: str) -> Path:
    return home_folder() / "workers" / f"{hashlib.sha256(worker_id.encode()).hexdigest()[:32]}.lock"
