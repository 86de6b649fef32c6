"""A delivery: the file that was scanned and whose header a mapping knows, under its identity."""

import os
from dataclasses import dataclass

import polars as pl

from plaintiff_moat.errors import BadInput
from plaintiff_moat.naming import name_delivery
from plaintiff_moat.rows import BoundMapping, mapping_for
from plaintiff_moat.rows.prepare import prepare
from plaintiff_moat.source import CHUNK_BYTES, Chunk, Scan, read, scan

__all__ = ["Delivery", "open_delivery"]

# Raised by one whenever the same bytes give other rows: a run is never continued across it.
READER_VERSION = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scanned file under its identity. Plain data.

    `filename` is the file's name without its folder, redacted.
    """

    scan: Scan
    mapping: BoundMapping
    source_system: str
    batch_id: str
    filename: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a claim is of: source system, batch and file hash."""
        return self.source_system, self.batch_id, self.scan.file_hash

    @property
    def reader_fingerprint(self) -> str:
        """Equal for two deliveries whose bytes would give the same rows in the same chunks; says how they are read."""
        dialect, mapping = self.scan.dialect, self.mapping.mapping
        return (
            f"reader {READER_VERSION}, chunks of {CHUNK_BYTES} bytes, {dialect.encoding} with {dialect.delimiter!r} and"
            f" {dialect.quote!r}, mapping {self.mapping.fingerprint} of {mapping.name} version {mapping.version}"
        )

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
    named = name_delivery(path, source_system=source_system, batch_id=batch_id)
    chosen = mapping_for(named.source_system, mapping)
    scanned = scan(path)
    try:
        bound = chosen.bind(scanned.header)
    except BadInput as refusal:
        raise BadInput(f"{named.filename}: {refusal}") from None
    return Delivery(
        scan=scanned,
        mapping=bound,
        source_system=named.source_system,
        batch_id=named.batch_id,
        filename=named.filename,
    )
