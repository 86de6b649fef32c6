"""The delivered bytes, held against what was landed of them."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence.facts import ChunkFacts
from plaintiff_moat.evidence.findings import Finding
from plaintiff_moat.identify import compute_file_hash

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["check_file"]

_BLOCK = 1 << 20


def check_file(
    path: str | os.PathLike[str],
    run: str,
    file_hash: str,
    chunks: Sequence[ChunkFacts],
    text: str | os.PathLike[str] | None = None,
) -> Finding | None:
    """What does not hold of the file: its size, a chunk's digest, or its SHA-256. Reads it once, as a stream.

    Everything before the first chunk is the header. The chunks of a container are those of the `text` in it. Raises
    BadInput when it cannot be read.
    """
    if text is not None:
        return check_file(path, run, file_hash, ()) or check_file(text, run, compute_file_hash(text), chunks)
    name = Path(path).name
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
    if whole.hexdigest() != file_hash:
        return Finding("FILE_HASH", run, name, f"SHA-256 {file_hash}", whole.hexdigest())
    return None


def _feed(file: BinaryIO, size: int, *hashers: "_Hash") -> None:
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        for hasher in hashers:
            hasher.update(block)
        size -= len(block)
