"""Opening a delivered file, and refusing what is no delivery."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plaintiff_moat.errors import BadInput, SourceChanged
from plaintiff_moat.source.encodings import marked

__all__ = ["check_unchanged", "opened", "read_range", "refuse_binary"]

_CONTAINERS = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive"),
    (b"PAR1", "a parquet file"),
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)"),
)
_OPENING = 4096
_NULS_OF_A_BINARY = 200  # of the opening; UTF-16 has ten times as many, a damaged export a handful


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[int, os.stat_result]]:
    """Yield a descriptor of a regular file and its state; never waits for a pipe or device.

    Raises BadInput for whatever is not a regular file that can be read.
    """
    name = Path(path).name
    try:
        _check_kind(name, Path(path).stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(f"{name}: expected a file, found nothing under this path; check the path") from None
    except PermissionError:
        raise BadInput(
            f"{name}: expected a file that can be read, found no permission to; grant read access to this user"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "an impossible path"
        raise BadInput(f"{name}: expected a file, found: {reason.lower()}; check the path") from None
    try:
        state = os.fstat(descriptor)
        _check_kind(name, state)
        yield descriptor, state
    except OSError as error:
        raise BadInput(
            f"{name}: expected a file that can be read to its end, found: {(error.strerror or 'no reason').lower()}; "
            "check the disk that it is on"
        ) from None
    finally:
        os.close(descriptor)


def _check_kind(name: str, state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise BadInput(f"{name}: expected a file, found a directory; name one file in it")
    if not stat.S_ISREG(state.st_mode):
        raise BadInput(f"{name}: expected a regular file, found a pipe or device; save it to a file first")


def refuse_binary(name: str, opening: bytes) -> None:
    """Raise BadInput when the first bytes are those of an archive, a workbook or other non-text."""
    if opening.startswith(b"PK\x03\x04"):
        workbook = b"xl/" in opening or b"[Content_Types].xml" in opening
        kind = "an Excel workbook (.xlsx)" if workbook else "a zip archive"
        remedy = "export the sheet as CSV in UTF-8" if workbook else "unpack it first"
        raise BadInput(f"{name}: expected CSV text, found {kind}; {remedy}")
    for mark, kind in _CONTAINERS:
        if opening.startswith(mark):
            raise BadInput(f"{name}: expected CSV text, found {kind}; unpack or export it as CSV first")
    if not marked(name, opening, None) and opening.count(0, 0, _OPENING) > _NULS_OF_A_BINARY:
        raise BadInput(f"{name}: expected CSV text, found binary data (NUL bytes); save it as CSV in UTF-8")


def check_unchanged(path: str | os.PathLike[str], descriptor: int, before: os.stat_result, taken: int) -> None:
    """Raise SourceChanged when the file grew, shrank, was written to or was replaced since `before`."""
    after = os.fstat(descriptor)
    try:
        current = Path(path).stat()
    except OSError:
        current = None
    same_file = current is not None and (current.st_dev, current.st_ino) == (before.st_dev, before.st_ino)
    same_bytes = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    if not (same_file and same_bytes and taken == before.st_size):
        name = Path(path).name
        raise SourceChanged(
            f"{name}: expected a file at rest, found that it changed while it was read; "
            "wait until its delivery is complete and import it again"
        )


def read_range(descriptor: int, start: int, end: int) -> bytes:
    """Return the file's bytes from `start` up to `end`; fewer only when the file is shorter."""
    pieces: list[bytes] = []
    while start < end and (piece := os.pread(descriptor, end - start, start)):
        pieces.append(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
