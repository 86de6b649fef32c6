"""What a file is, before anybody decides what to do with it: how it is written, its columns, its first problems."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from plaintiff_moat.containers.unpack import Content, unpacked
from plaintiff_moat.delivery import bind_header, scan_content
from plaintiff_moat.errors import BadInput
from plaintiff_moat.naming import shown_name
from plaintiff_moat.redaction import redact
from plaintiff_moat.rows import (
    BoundMapping,
    Mapping,
    labels,
    mapping_for,
    mapping_toml,
    parse_mapping,
    propose,
    require_names,
)
from plaintiff_moat.rows.prepare import prepare
from plaintiff_moat.source import AS_IT_IS, Reading
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.read import read
from plaintiff_moat.source.records import Scan
from plaintiff_moat.summary import Reject, Tally, most_first

__all__ = ["Column", "Inspection", "inspect_file"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its name, safe to show; the share of records that fill it; what it is proposed to be.

    `confidence` is 1 for a spelling that is known, less for one that is alike, None where nothing is proposed.
    """

    name: str
    filled: float
    canonical: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `inspect_file` found. `problems` counts the rejects by code; `mapping` is a TOML file ready to be saved.

    `container` names what the file's text was taken out of, None for a plain file. `refusal` is why an import under the
    mapping that the proposal began with refuses the header, as it says it.
    """

    filename: str
    container: str | None
    size: int
    file_hash: str
    dialect: Dialect
    header_line: int
    records: int
    columns: tuple[Column, ...]
    problems: dict[str, int]
    first_problems: tuple[Reject, ...]
    refusal: str | None
    mapping: str


def inspect_file(
    path: str | os.PathLike[str],
    *,
    source_system: str = "manual",
    mapping: str | None = None,
    reading: Reading = AS_IT_IS,
) -> Inspection:
    """Reads the file whole and says what it is. Writes nothing, and needs no database.

    The proposal begins with the mapping named, else the source system's own, else `generic`. Problems are those that
    an import under the proposed mapping would find; where that does not fit the header either, those of reading the
    file. Raises BadMapping, and BadInput for what cannot be read at all.
    """
    known = mapping_for(source_system, mapping)
    content = unpacked(path, member=reading.member, sheet=reading.sheet)
    with content or nullcontext():
        return _inspected(scan_content(path, content, reading, known.heads), content, known, source_system)


def _inspected(scanned: Scan, content: Content | None, known: Mapping, source_system: str) -> Inspection:
    filename = shown_name(scanned.name)
    proposed = propose(known, scanned.header)
    name = source_system if source_system != "manual" else redact(Path(filename).stem)
    toml = mapping_toml(name, known, scanned.header, proposed)
    bound = _bound(toml, scanned.header, is_complete="plaintiff_name" in dict(proposed.values()))
    filled = [0] * len(scanned.header)
    tally = Tally()
    for chunk in scanned.chunks:
        cells = read(scanned.path, scanned.dialect, scanned.header, chunk)
        counts = cells.select(pl.col("^c[0-9]+$").count()).row(0)
        filled = [before + count for before, count in zip(filled, counts, strict=True)]
        rows = (
            prepare(cells, scanned.header, bound, source_system)
            if bound
            else cells.with_columns(warnings=pl.lit(None, pl.String))
        )
        tally.add(Tally.of(rows))
    return Inspection(
        filename=filename,
        container=None if content is None else content.what + content.remark,
        size=scanned.size,
        file_hash=scanned.file_hash,
        dialect=scanned.dialect,
        header_line=scanned.header_line,
        records=scanned.records,
        columns=tuple(
            Column(label, filled[at] / scanned.records, *proposed.get(at, (None, None)))
            for at, label in enumerate(labels(scanned.header))
        ),
        problems=most_first(tally.rejects),
        first_problems=tuple(tally.first_rejects),
        refusal=_refusal(filename, scanned.header, known),
        mapping=toml,
    )


def _bound(toml: str, header: tuple[str, ...], *, is_complete: bool) -> BoundMapping | None:
    """The proposed mapping fitted to the header, if it names the plaintiff and fits."""
    try:
        require_names(header)
        return parse_mapping(toml.encode(), "the proposed mapping").bind(header) if is_complete else None
    except BadInput:
        return None


def _refusal(filename: str, header: tuple[str, ...], known: Mapping) -> str | None:
    """Why an import refuses the header, which the proposed mapping may cure."""
    try:
        bind_header(filename, header, known, is_replay=False)
    except BadInput as refusal:
        return str(refusal)
    return None
