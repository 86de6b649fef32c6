"""A delivery: what identifies it, and the file of it that was scanned and whose header a mapping knows."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath

import polars as pl

from plaintiff_moat.redaction import redact
from plaintiff_moat.rows import BoundMapping, mapping_for, prepare
from plaintiff_moat.source import Chunk, Scan, read, scan

__all__ = ["Delivery", "compute_batch_id", "compute_file_hash", "open_delivery"]

# Raised by one whenever the same bytes give other rows or other chunks: a run is never continued across it.
READER_VERSION = 1

_NOT_IN_A_BATCH_ID = re.compile(r"[^0-9a-z._]+")


def compute_file_hash(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of the file's bytes as 64 hexadecimal digits, read as a stream. Raises OSError as `open` does."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compute_batch_id(source_system: str, filename: str | os.PathLike[str], date_suffix: str | None = None) -> str:
    """A batch id for a vendor that sends none: the same for the same arguments, on every machine and day.

    It is the source system, the file's name without folder and ending, and the suffix, joined by dashes.
    """
    stem = _NOT_IN_A_BATCH_ID.sub("-", PurePath(filename).stem.lower()).strip("-")
    return "-".join(part for part in (source_system, stem, date_suffix) if part)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scanned file under its identity: (source_system, batch_id, scan.file_hash). Plain data.

    `filename` is the file's name without its folder, redacted.
    """

    scan: Scan
    mapping: BoundMapping
    source_system: str
    batch_id: str
    filename: str

    @property
    def reader_fingerprint(self) -> str:
        """Equal for two deliveries whose bytes would give the same rows in the same chunks."""
        return f"{READER_VERSION}:{self.mapping.fingerprint}"

    def rows(self, chunk: Chunk) -> pl.DataFrame:
        """The chunk's records as they are landed. Raises SourceChanged when its bytes are not those scanned."""
        cells = read(self.scan.path, self.scan.dialect, self.scan.header, chunk)
        return prepare(cells, self.scan.header, self.mapping, self.source_system)


def open_delivery(
    path: str | os.PathLike[str], *, source_system: str, batch_id: str | None = None, mapping: str | None = None
) -> Delivery:
    """Scans the file and binds its header to the mapping named, else to the source system's own, else to `generic`.

    Raises BadInput and BadMapping. Writes nothing.
    """
    chosen = mapping_for(source_system, mapping)
    scanned = scan(path)
    filename = redact(scanned.name)
    return Delivery(
        scan=scanned,
        mapping=chosen.bind(scanned.header),
        source_system=source_system,
        batch_id=batch_id or compute_batch_id(source_system, filename),
        filename=filename,
    )
