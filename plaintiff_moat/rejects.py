"""The rejects of a run as a file to be corrected: the vendor's columns, and what is needed to bring them back."""

import csv
import io
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import polars as pl
import psycopg

from plaintiff_moat.containers.unpack import unpacked
from plaintiff_moat.delivery import scan_content
from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence import ChunkFacts, check_text
from plaintiff_moat.ledger.evidence import rows, snapshot
from plaintiff_moat.ledger.rejects import rejects_to_export, source_layout
from plaintiff_moat.rows import ErrorCode
from plaintiff_moat.rows.headers import labels
from plaintiff_moat.rows.payload import is_redacted
from plaintiff_moat.rows.returns import Return, appended_columns, neutralised, reference
from plaintiff_moat.source import AS_IT_IS, Reading
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.read import read
from plaintiff_moat.source.records import Scan

__all__ = ["Exported", "export_rejects"]

# whose payload is cells by label; any other is text that no reading made a record of
_READABLE = frozenset(ErrorCode)


@dataclass(frozen=True, slots=True)
class Exported:
    """How many rejects were written, and how many of them hold cells that are redacted, masked, cut or withheld."""

    records: int
    redacted: int


@dataclass(frozen=True, slots=True)
class _Reject:
    row_number: int
    line: int
    error_code: str
    error_message: str
    payload: Any


@dataclass(frozen=True, slots=True)
class _Content:
    """A reject's cells, and the text of a record that has none because it could not be read."""

    cells: tuple[str | None, ...]
    raw: str | None

    @property
    def is_redacted(self) -> bool:
        return any(is_redacted(text) for text in (*self.cells, self.raw) if text)


def export_rejects(
    conn: psycopg.Connection[Any],
    run: Mapping[str, Any],
    target: BinaryIO,
    *,
    file: str | os.PathLike[str] | None = None,
    reading: Reading = AS_IT_IS,
    everything: bool = False,
) -> Exported:
    """Writes the outstanding rejects of a run (with `everything`, the fixed ones too), in the file's order.

    `run` is a row of view `v_runs`. Columns, delimiter and encoding are the vendor's, then come the columns of
    `appended_columns`. The cells are the delivered ones where its `file` is given, else those that the ledger holds,
    which are redacted; none that a spreadsheet would run stands in clear. A record that could not be read has no cells
    but its text in column `raw`. `target` is emptied first, so that the same may be said twice.

    Raises BadInput when the file is not the run's.
    """
    run_id: UUID = run["id"]
    target.seek(0)
    target.truncate()
    with snapshot(conn):
        rejects = (_Reject(*values) for values in rejects_to_export(conn, run_id, everything=everything))
        layout = source_layout(conn, run_id)
        if file is None:
            dialect = Dialect(layout["delimiter"], layout["quote"], layout["encoding"])
            header = tuple(layout["columns"])
            return _write(target, run_id, header, dialect, _as_landed(rejects, header))
        chunks = [ChunkFacts(**row) for row in rows(conn, "chunks_of_run", run_id=run_id)]
        with _scanned(file, run, layout, reading, chunks) as scanned:
            returned = Return.of(scanned.header) if run["replays"] else None
            header = returned.header if returned else scanned.header
            return _write(target, run_id, header, scanned.dialect, _as_delivered(rejects, scanned, returned))


def _write(
    target: BinaryIO,
    run_id: UUID,
    header: tuple[str, ...],
    dialect: Dialect,
    rejects: Iterable[tuple[_Reject, _Content]],
) -> Exported:
    # "replace": the text of a record in another encoding is all that the file's own might not have
    text = io.TextIOWrapper(target, encoding=dialect.encoding, errors="replace", newline="")
    # every cell in quotes, as OWASP has it: none ends where its content says
    writer = csv.writer(
        text, delimiter=dialect.delimiter, quotechar=dialect.quote or '"', quoting=csv.QUOTE_ALL, lineterminator="\r\n"
    )
    records = redacted = 0
    try:
        if dialect.text_encoding != dialect.encoding:
            text.write("\ufeff")  # by which everybody knows UTF-16
        named = [name if name.strip() else label for name, label in zip(header, labels(header), strict=True)]
        writer.writerow([neutralised(name) for name in (*named, *appended_columns(header))])
        for reject, content in rejects:
            about = (reject.error_code, reject.error_message, str(reject.line), content.raw or "")
            cells = (*(cell or "" for cell in content.cells), *about, reference(run_id, reject.row_number))
            writer.writerow([neutralised(cell) for cell in cells])
            records += 1
            redacted += content.is_redacted
    finally:
        text.detach()  # which flushes, and leaves the target open
    return Exported(records, redacted)


def _as_landed(rejects: Iterable[_Reject], header: tuple[str, ...]) -> Iterator[tuple[_Reject, _Content]]:
    """The rejects with what the ledger holds of them."""
    nothing: tuple[str | None, ...] = (None,) * len(header)
    for reject in rejects:
        held = reject.payload if isinstance(reject.payload, dict) else {}
        texts = {label: None if value is None else str(value) for label, value in held.items()}
        if reject.error_code in _READABLE:
            yield reject, _Content(tuple(texts.get(label) for label in header), None)
        else:
            yield reject, _Content(nothing, texts.get("record"))


def _as_delivered(
    rejects: Iterable[_Reject], scanned: Scan, returned: Return | None
) -> Iterator[tuple[_Reject, _Content]]:
    """The rejects with the cells of the file, which is read again where it has any."""
    first_rows = [chunk.first_row for chunk in scanned.chunks]
    for place, group in groupby(rejects, lambda reject: bisect_right(first_rows, reject.row_number) - 1):
        wanted = list(group)
        numbers = pl.Series([reject.row_number for reject in wanted], dtype=pl.Int64)
        frame = read(scanned.path, scanned.dialect, scanned.header, scanned.chunks[place])
        frame = frame.filter(pl.col("row_number").is_in(numbers.implode()))
        if returned:
            frame = returned.vendors_cells(frame)
        found = frame.select("line_start", "raw", "^c[0-9]+$").rows()
        if [reject.line for reject in wanted] != [line for line, *_ in found]:
            raise BadInput(
                f"{scanned.name}: this version reads the file otherwise than the run did: its rejects stand on other"
                " lines; export them without the file"
            )
        for reject, (_, raw, *cells) in zip(wanted, found, strict=True):
            yield reject, _Content(tuple(cells), raw)


@contextmanager
def _scanned(
    file: str | os.PathLike[str],
    run: Mapping[str, Any],
    layout: Mapping[str, Any],
    reading: Reading,
    landed: Sequence[ChunkFacts],
) -> Iterator[Scan]:
    """The file that the run was made of, read as it was then; of a container, while the block runs.

    `landed` are the run's chunks: of a container it is the part that they are of, or BadInput.
    """
    as_then = replace(reading, delimiter=layout["delimiter"], encoding=layout["encoding"], quote=layout["quote"])
    content = unpacked(file, member=reading.member, sheet=reading.sheet)
    with content or nullcontext():
        scanned = scan_content(file, content, as_then, lambda names: labels(names) == tuple(layout["columns"]))
        if scanned.file_hash != run["file_hash"]:
            raise BadInput(
                f"{Path(file).name}: expected the file that run {run['id']} was made of, found other bytes;"
                " give the file as it was delivered"
            )
        if content is not None and check_text(content.path, str(run["id"]), content.what, landed):
            raise BadInput(
                f"{Path(file).name}: it is the delivered file, but expected the part of it that run {run['id']} was"
                f" read from, found {content.what}; name that part with --sheet or --member"
            )
        yield scanned
