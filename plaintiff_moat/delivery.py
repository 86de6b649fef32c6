"""A delivery: the file that was scanned and whose header a mapping knows, under its identity."""

import os
from collections.abc import Mapping as TableRow
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import polars as pl

from plaintiff_moat.containers.unpack import Content, unpacked
from plaintiff_moat.errors import BadInput, WrongRun
from plaintiff_moat.fingerprint import ending, part_of
from plaintiff_moat.naming import Named, name_delivery
from plaintiff_moat.rows import BoundMapping, Mapping, mapping_for, require_names
from plaintiff_moat.rows.headers import labels
from plaintiff_moat.rows.measure import Measure, measure
from plaintiff_moat.rows.prepare import prepare
from plaintiff_moat.rows.returns import Return, is_export
from plaintiff_moat.source import AS_IT_IS, Reading
from plaintiff_moat.source.header import Heads
from plaintiff_moat.source.read import read
from plaintiff_moat.source.records import Chunk, Scan
from plaintiff_moat.source.scan import CHUNK_BYTES, CHUNK_RECORDS, scan

__all__ = ["Delivery", "Measured", "bind_header", "open_delivery", "scan_content"]

# Raised by one whenever the same bytes give other rows: a run is never continued across it.
READER_VERSION = 6

# How the text is written that is made of cells.
_WRITTEN_HERE = Reading(delimiter=",", encoding="utf-8", quote='"')

Measured = tuple[pl.DataFrame, Measure]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scanned file under its identity. Plain data.

    `filename` is the file's name without its folder, redacted. `header` is the vendor's: that of the file, but for what
    an export of rejects added to it, where the file `replays` the rejects of a run and `returned` says how. `content`
    is the text of a file that is a container: it is what was scanned, under the hash and the size of the delivered
    bytes, and goes when the delivery is closed.
    """

    scan: Scan
    mapping: BoundMapping
    source_system: str
    batch_id: str
    filename: str
    header: tuple[str, ...]
    replays: UUID | None = None
    returned: Return | None = None
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
        part = None if self.content is None else self.content.what
        ends = " and CR" if dialect.line_end == "\r" else ""
        return (
            f"reader {READER_VERSION}, chunks of {CHUNK_BYTES} bytes or {CHUNK_RECORDS} records,"
            f" {dialect.encoding} with {dialect.delimiter!r} and {dialect.quote!r}{ends},"
            f" mapping {self.mapping.fingerprint} of {mapping.name} version {mapping.version}"
            f"{ending(part, returns=self.returned is not None)}"
        )

    def require_same_part(self, known: TableRow[str, Any] | None) -> None:
        """Raises BadInput where the run `known`, by `reader_of_delivery`, was read from another part of the file."""
        if self.content is None or known is None:
            return
        if part_of(known["reader_fingerprint"]) not in {"", self.content.what}:
            raise BadInput(
                f"{self.filename}: run {known['id']} of batch {self.batch_id!r} was read from another part of the same"
                f" file than {self.container}; give this part a batch id of its own with --batch-id"
            )

    def is_mapped_as(self, known: TableRow[str, Any] | None) -> bool:
        """Whether the run `known`, by `reader_of_delivery`, was landed under the same mapping; of no run it is true."""
        return known is None or f" mapping {self.mapping.fingerprint} of " in known["reader_fingerprint"]

    @property
    def layout(self) -> dict[str, Any]:
        """What an export needs to lay records out as the file does: its columns, redacted, and how it writes cells."""
        dialect = self.scan.dialect
        return {
            "columns": labels(self.header),
            "delimiter": dialect.delimiter,
            "quote": dialect.quote,
            "encoding": dialect.encoding,
        }

    def rows(self, chunk: Chunk) -> pl.DataFrame:
        """The chunk's records as they are landed. Raises SourceChanged when its bytes are not those scanned."""
        return self.measured(chunk)[0]

    def measured(self, chunk: Chunk, first: int | None = None) -> Measured:
        """The same, of all records or the `first` so many, and what they look like as a whole."""
        sent = self._cells(chunk)
        sent = sent.head(chunk.records if first is None else first)
        cells = sent if self.returned is None else self.returned.vendors_cells(sent)
        rows = prepare(cells, self.header, self.mapping, self.source_system)
        measured = measure(cells, rows, self.mapping)
        referred = self._referred(sent)
        return rows if referred is None else rows.with_columns(referred), measured

    def rejects(self) -> list[int]:
        """The rows of the run that it replays for which its records stand. Raises BadInput, WrongRun."""
        if self.returned is None:
            return []
        rows: list[int] = []
        for chunk in self.scan.chunks:
            referred = self._referred(self._cells(chunk))
            rows.extend([] if referred is None else referred.drop_nulls())
        return rows

    def _referred(self, sent: pl.DataFrame) -> pl.Series | None:
        """The reject that each record stands for; None where none can."""
        if self.returned is None or self.replays is None:
            return None
        try:
            return self.returned.rejects(sent, self.replays)
        except (BadInput, WrongRun) as refusal:
            raise type(refusal)(f"{self.filename}: {refusal}") from None

    def _cells(self, chunk: Chunk) -> pl.DataFrame:
        return read(self.scan.path, self.scan.dialect, self.scan.header, chunk)


def open_delivery(
    path: str | os.PathLike[str],
    *,
    source_system: str,
    batch_id: str | None = None,
    mapping: str | None = None,
    reading: Reading = AS_IT_IS,
    replays: UUID | None = None,
) -> Delivery:
    """Scans the file and binds its header to the mapping named, else to the source system's own, else to `generic`.

    `reading` says what of it is read and how, as far as that shall not be found out. `replays` is the run whose rejects
    its records stand for; without one, what an export of rejects added is refused.
    Of a container what is in it is scanned, from a spool: close the delivery when its rows have been read. Raises
    BadInput and BadMapping. Writes nothing else.
    """
    named = name_delivery(path, source_system=source_system, batch_id=batch_id)
    chosen = mapping_for(named.source_system, mapping)
    content = unpacked(path, member=reading.member, sheet=reading.sheet)
    try:
        if content is not None:
            named = name_delivery(path, source_system=source_system, batch_id=batch_id, part=content.part)
        return _bound(path, named, content, chosen, reading, replays)
    except BaseException:
        if content is not None:
            content.close()
        raise


def _bound(
    path: str | os.PathLike[str],
    named: Named,
    content: Content | None,
    chosen: Mapping,
    reading: Reading,
    replays: UUID | None,
) -> Delivery:
    """The scanned file with its header bound to the mapping chosen."""
    scanned = scan_content(path, content, reading, chosen.heads)
    bound, returned = bind_header(named.filename, scanned.header, chosen, is_replay=replays is not None)
    return Delivery(
        scan=scanned,
        mapping=bound,
        source_system=named.source_system,
        batch_id=named.batch_id,
        filename=named.filename,
        header=returned.header if returned else scanned.header,
        replays=replays,
        returned=returned,
        content=content,
    )


def bind_header(
    filename: str, header: Sequence[str], mapping: Mapping, *, is_replay: bool
) -> tuple[BoundMapping, Return | None]:
    """The mapping fitted to a file's header, or BadInput that names the file; and how it returns, where it does."""
    returned = _returned(filename, header, is_replay=is_replay)
    try:
        require_names(header)
        return mapping.bind(returned.header if returned else header), returned
    except BadInput as refusal:
        raise BadInput(f"{filename}: {refusal}") from None


def _returned(filename: str, header: Sequence[str], *, is_replay: bool) -> Return | None:
    """Says how the file's columns are those of an export of rejects, where it comes back as one."""
    if is_replay:
        returned = Return.of(header)
        if returned is None:
            raise BadInput(
                f"{filename}: expected the column 'reject' of `moat rejects`, by which a record says what reject it"
                " stands for, found none; correct the exported file, with that column in it"
            )
        return returned
    if is_export(header):
        raise BadInput(
            f"{filename}: found the columns of an export of rejects; say whose rejects come back with --replays RUN"
        )
    return None


def scan_content(path: str | os.PathLike[str], content: Content | None, reading: Reading, heads: Heads) -> Scan:
    """The scan of a delivered file, or of what was in it, under the identity of the delivered bytes."""
    if content is None:
        return scan(path, reading=reading, heads=heads)
    if content.is_written_here:
        reading = _WRITTEN_HERE
    scanned = scan(content.path, reading=reading, heads=heads)
    return replace(scanned, file_hash=content.file_hash, size=content.size)
