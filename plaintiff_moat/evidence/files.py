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
from plaintiff_moat.fingerprint import part_of
from plaintiff_moat.identify import compute_file_hash

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Opened", "check_file", "check_text"]

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
    landed_part = part_of(run.reader_fingerprint)
    try:
        opened = None if content is None else content()
    except BadInput:
        # what cannot be opened as was asked may be another file than the delivered one: that is said first
        with suppress(OSError):
            found = compute_file_hash(path)
            if found != run.file_hash:
                return _other_file(run.run, run.file_hash, name, found)
        raise
    if opened is None:
        return check_text(path, run.run, name, () if landed_part else chunks, run.file_hash)
    with closing(opened):
        if opened.file_hash != run.file_hash:
            return _other_file(run.run, run.file_hash, name, opened.file_hash)
        finding = check_text(opened.path, run.run, f"the text in {name}", chunks)
    if finding is not None and landed_part not in {"", opened.what}:
        raise BadInput(
            f"{name}: it is the delivered file, byte for byte, but expected to be opened as {landed_part}, which run"
            f" {run.run} was read from, found {opened.what}; name that part with --sheet or --member"
        )
    return finding


def _other_file(run: str, file_hash: str, name: str, found: str) -> Finding:
    return Finding("FILE_HASH", run, name, f"SHA-256 {file_hash}", found)


def check_text(
    path: str | os.PathLike[str], run: str, name: str, chunks: Sequence[ChunkFacts], file_hash: str | None = None
) -> Finding | None:
    """What does not hold of the bytes in which the chunks of the run stand, and which findings call `name`.

    `file_hash` is what their SHA-256 is to be, where they are a file by themselves. Raises BadInput when they cannot be
    read.
    """
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
                    first_difference = Finding("CHUNK_DIGEST", run, where, expected, digest.hexdigest())
            _feed(file, size, whole)
    except OSError as fault:
        raise BadInput(f"{name}: expected a file that can be read, found: {fault.strerror}") from None
    if chunks and size != chunks[-1].byte_end:
        return Finding("FILE_SIZE", run, name, f"{chunks[-1].byte_end} bytes", f"{size} bytes")
    if first_difference is not None:
        return first_difference
    if file_hash is not None and whole.hexdigest() != file_hash:
        return _other_file(run, file_hash, name, whole.hexdigest())
    return None


def _feed(file: BinaryIO, size: int, *hashers: "_Hash") -> None:
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        for hasher in hashers:
            hasher.update(block)
        size -= len(block)
