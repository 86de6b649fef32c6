"""A delivery: the file that was scanned and whose header a mapping knows, under its identity."""

import os
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import polars as pl

from plaintiff_moat.containers import Content, unpacked
from plaintiff_moat.errors import BadInput
from plaintiff_moat.naming import Named, name_delivery
from plaintiff_moat.rows import BoundMapping, Mapping, mapping_for, require_names
from plaintiff_moat.rows.measure import Measure, measure
from plaintiff_moat.rows.prepare import prepare
from plaintiff_moat.source import AS_IT_IS, CHUNK_BYTES, Chunk, Reading, Scan, read, scan

__all__ = ["Delivery", "Measured", "open_delivery", "scan_content"]

# Raised by one whenever the same bytes give other rows: a run is never continued across it.
READER_VERSION = 2


# How the text is written that is made of cells.
_WRITTEN_HERE = Reading(delimiter=",", encoding="utf-8", quote='"')

Measured = tuple[pl.DataFrame, Measure]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scanned file under its identity. Plain data.

    `filename` is the file's name without its folder, redacted. `content` is the text of a file that is a container: it
    is what was scanned, under the hash and the size of the delivered bytes, and goes when the delivery is closed.
    """

    scan: Scan
    mapping: BoundMapping
    source_system: str
    batch_id: str
    filename: str
    content: Content | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes what was written to read a container; no row can be read afterwards."""
        if self.content is not None:
            self.content.close()

    @property
    def container(self) -> str | None:
        """The container that the file is and what of it was opened; None for a plain file."""
        return None if self.content is None else self.content.what + self.content.remark

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a claim is of: source system, batch and file hash."""
        return self.source_system, self.batch_id, self.scan.file_hash

    @property
    def reader_fingerprint(self) -> str:
        """Equal for two deliveries whose bytes would give the same rows in the same chunks; says how they are read."""
        dialect, mapping = self.scan.dialect, self.mapping.mapping
        ends = " and CR" if dialect.line_end == "\r" else ""
        container = "" if self.content is None else f", out of {self.content.what}"
        return (
            f"reader {READER_VERSION}, chunks of {CHUNK_BYTES} bytes, {dialect.encoding} with {dialect.delimiter!r} and"
            f" {dialect.quote!r}{ends}, mapping {self.mapping.fingerprint} of {mapping.name} version {mapping.version}"
            f"{container}"
        )

    def rows(self, chunk: Chunk) -> pl.DataFrame:
        """The chunk's records as they are landed. Raises SourceChanged when its bytes are not those scanned."""
        return self.measured(chunk)[0]

    def measured(self, chunk: Chunk, first: int | None = None) -> Measured:
        """The same, of all records or the `first` so many, and what they look like as a whole."""
        cells = read(self.scan.path, self.scan.dialect, self.scan.header, chunk).head(
            chunk.records if first is None else first
        )
        rows = prepare(cells, self.scan.header, self.mapping, self.source_system)
        return rows, measure(cells, rows, self.mapping)


def open_delivery(
    path: str | os.PathLike[str],
    *,
    source_system: str,
    batch_id: str | None = None,
    mapping: str | None = None,
    reading: Reading = AS_IT_IS,
) -> Delivery:
    """Scans the file and binds its header to the mapping named, else to the source system's own, else to `generic`.

    `reading` says what of it is read and how, as far as that shall not be found out.
    Of a container what is in it is scanned, from a spool: close the delivery when its rows have been read. Raises
    BadInput and BadMapping. Writes nothing else.
    """
    named = name_delivery(path, source_system=source_system, batch_id=batch_id)
    chosen = mapping_for(named.source_system, mapping)
    content = unpacked(path, member=reading.member, sheet=reading.sheet)
    try:
        return _bound(path, named, content, chosen, reading)
    except BaseException:
        if content is not None:
            content.close()
        raise


def _bound(
    path: str | os.PathLike[str], named: Named, content: Content | None, chosen: Mapping, reading: Reading
) -> Delivery:
    """The scanned file with its header bound to the mapping chosen."""
    scanned = scan_content(path, content, reading, chosen)
    try:
        require_names(scanned.header)
        bound = chosen.bind(scanned.header)
    except BadInput as refusal:
        raise BadInput(f"{named.filename}: {refusal}") from None
    return Delivery(
        scan=scanned,
        mapping=bound,
        source_system=named.source_system,
        batch_id=named.batch_id,
        filename=named.filename,
        content=content,
    )


def scan_content(path: str | os.PathLike[str], content: Content | None, reading: Reading, chosen: Mapping) -> Scan:
    """The scan of a delivered file, or of what was in it, under the identity of the delivered bytes."""
    if content is None:
        return scan(path, reading=reading, heads=chosen.heads)
    if content.is_written_here:
        reading = _WRITTEN_HERE
    scanned = scan(content.path, reading=reading, heads=chosen.heads)
    return replace(scanned, file_hash=content.file_hash, size=content.size)
