"""The delivered bytes, held against what was landed of them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence.facts import ChunkFacts, RunFacts
from plaintiff_moat.evidence.findings import Finding
from plaintiff_moat.identify import compute_file_hash

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Opened", "check_file"]

_BLOCK = 1 << 20


class Opened(Protocol):
    """The text `path` that was taken out of a container: `what` names which, `file_hash` is of the container."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def what(self) -> str: ...  # noqa: D102
    @property
    def file_hash(self) -> str: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


def check_file(
    path: str | os.PathLike[str],
    run: RunFacts,
    chunks: Sequence[ChunkFacts],
    content: Callable[[], Opened | None] | None = None,
) -> Finding | None:
    """What does not hold of the file: its SHA-256, its size, or a chunk's digest. Read as a stream.

    `content` opens the file where it is a container; it gives None for any other. The chunks of a container are those
    of the text in it, and they are looked at when the container itself is the one that was delivered. Everything before
    the first chunk is the header. Raises BadInput when the file cannot be read, or when of the delivered container
    another part was opened than the run was read from.
    """
    name = Path(path).name
    landed_part = _part(run)
    try:
        opened = None if content is None else content()
    except BadInput:
        # what cannot be opened as was asked may be another file than the delivered one: that is said first
        with suppress(OSError):
            found = compute_file_hash(path)
            if found != run.file_hash:
                return _other_file(run, name, found)
        raise
    if opened is None:
        return _check_bytes(path, run, name, () if landed_part else chunks, run.file_hash)
    with closing(opened):
        if opened.file_hash != run.file_hash:
            return _other_file(run, name, opened.file_hash)
        finding = _check_bytes(opened.path, run, f"the text in {name}", chunks, None)
    if finding is not None and landed_part not in {"", opened.what}:
        raise BadInput(
            f"{name}: it is the delivered file, byte for byte, but expected to be opened as {landed_part}, which run"
            f" {run.run} was read from, found {opened.what}; name that part with --sheet or --member"
        )
    return finding


def _part(run: RunFacts) -> str:
    """The container and what of it was opened, as the fingerprint of the run's reader ends; empty for a plain file."""
    part = (run.reader_fingerprint or "").partition(", out of ")[2]
    return part.removesuffix(", rejects that come back")


def _other_file(run: RunFacts, name: str, found: str) -> Finding:
    return Finding("FILE_HASH", run.run, name, f"SHA-256 {run.file_hash}", found)


def _check_bytes(
    path: str | os.PathLike[str], run: RunFacts, name: str, chunks: Sequence[ChunkFacts], file_hash: str | None
) -> Finding | None:
    """What does not hold of the bytes in which the chunks stand, which findings call `name`."""
    whole = hashlib.sha256()
    first_difference: Finding | None = None
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _feed(file, chunks[0].byte_start if chunks else 0, whole)
            for chunk in chunks:
                digest = hashlib.sha256()
                _feed(file, chunk.byte_end - chunk.byte_start, whole, digest)
                if digest.hexdigest() != chunk.digest and first_difference is None:
                    where = f"chunk {chunk.chunk_no}, bytes {chunk.byte_start}-{chunk.byte_end - 1} of {name}"
                    expected = f"SHA-256 {chunk.digest}"
                    first_difference = Finding("CHUNK_DIGEST", run.run, where, expected, digest.hexdigest())
            _feed(file, size, whole)
    except OSError as fault:
        raise BadInput(f"{name}: expected a file that can be read, found: {fault.strerror}") from None
    if chunks and size != chunks[-1].byte_end:
        return Finding("FILE_SIZE", run.run, name, f"{chunks[-1].byte_end} bytes", f"{size} bytes")
    if first_difference is not None:
        return first_difference
    if file_hash not in {None, whole.hexdigest()}:
        return _other_file(run, name, whole.hexdigest())
    return None


def _feed(file: BinaryIO, size: int, *hashers: "_Hash") -> None:
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        for hasher in hashers:
            hasher.update(block)
        size -= len(block)
