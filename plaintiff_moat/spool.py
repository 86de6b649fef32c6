"""A private place for what has to be written down to be read: the content of an archive, a recoded text."""

import io
import os
import secrets
import shutil
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from plaintiff_moat.errors import BadInput
from plaintiff_moat.home import home_folder

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Spool", "SpoolFile"]

# What is left of the disk for everybody else; looked at before each stretch is written.
_KEPT_FREE = 256 << 20
_STRETCH = 32 << 20
_LOCK_SECONDS = 10


class Spool:
    """A folder of this process under `MOAT_HOME/spool`, which nobody else may enter (0700).

    It goes with everything in it when it is closed, forgotten, or the process ends. The next spool of any process
    removes those whose process was killed: the kernel gave their locks up.
    """

    def __init__(self) -> None:
        root = home_folder() / "spool"
        self.folder = root / secrets.token_hex(8)
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(root)
            lock = _lock(self.folder, _LOCK_SECONDS)
            self.folder.mkdir(mode=0o700)
        except (OSError, Timeout) as fault:
            raise BadInput(
                f"expected a folder for temporary files in {root}, found: {_reason(fault)}; let MOAT_HOME name a"
                " folder that this user may write to"
            ) from None
        self._files: list[SpoolFile] = []
        self._remove = weakref.finalize(self, _remove, self.folder, lock, self._files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its files and removes the folder; nothing happens the second time."""
        self._remove()

    def create(self, name: str, limit: int, remedy: str = "") -> "SpoolFile":
        """A new file of this name that takes up to `limit` bytes; `remedy` is what to do about more of them.

        Names never collide: each file has a folder of its own. Its name is that of the delivered file, because errors
        about a file begin with it.
        """
        folder = self.folder / str(len(self._files))
        folder.mkdir(mode=0o700)
        file = SpoolFile(folder / Path(name).name, limit, remedy)
        self._files.append(file)
        return file


class SpoolFile(io.FileIO):
    """A file that only this user may read (0600); a write that would pass its limit or fill the disk is refused.

    Raises BadInput for both. `path` is where it is, `size` how many bytes it holds.
    """

    def __init__(self, path: Path, limit: int, remedy: str) -> None:
        super().__init__(path, "xb+", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, 0o600))
        self.path = path
        self.size = 0
        self._limit = limit
        self._remedy = remedy
        self._room = 0

    def write(self, data: "ReadableBuffer") -> int:
        """Appends the bytes, or as many of them as fit at once; returns how many."""
        length = memoryview(data).nbytes
        if self.size + length > self._limit:
            raise BadInput(
                f"{self.path.name}: expected at most {self._limit:,} bytes of content, found more; "
                f"{self._remedy or 'ask the vendor for smaller files'}"
            )
        try:
            if length > self._room:
                self._look_for_room(length)
            written = super().write(data)
        except OSError as fault:
            raise BadInput(
                f"{self.path.name}: expected room for its content, found: {_reason(fault)}; {self._advice()}"
            ) from None
        self._room -= written
        self.size += written
        return written

    def _look_for_room(self, length: int) -> None:
        self._room = max(_STRETCH, length)
        if shutil.disk_usage(self.path.parent).free < self._room + _KEPT_FREE:
            raise BadInput(
                f"{self.path.name}: expected room for its content, found a disk that is nearly full; {self._advice()}"
            )

    def _advice(self) -> str:
        return "make room on the disk of MOAT_HOME, or set MOAT_HOME to a folder on another one"


def _lock(folder: Path, timeout: float) -> FileLock | None:
    """The lock that says that this spool's process lives; none where the file system has no locks."""
    lock = FileLock(folder.with_suffix(".lock"), timeout=timeout, mode=0o600, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise
    except (OSError, NotImplementedError):
        return None
    return lock


def _remove(folder: Path, lock: FileLock | None, files: Iterable[SpoolFile] = ()) -> None:
    for file in files:
        file.close()
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def _sweep(root: Path) -> None:
    """Removes the spools of processes that were killed."""
    for sign in root.glob("*.lock"):
        with suppress(Timeout):
            lock = _lock(sign, 0)
            if lock is not None:
                _remove(sign.with_suffix(""), lock)


def _reason(fault: Any) -> str:
    return (getattr(fault, "strerror", None) or "no lock to be had").lower()
