"""Texts that break programs, as source system, batch id, file name, header and cell.

The Big List of Naughty Strings (Max Woolf, MIT licence, https://github.com/minimaxir/big-list-of-naughty-strings), as
npm has it in big-list-of-naughty-strings 1.0.0, and what it lacks. Each either works, and is read back as it was given,
or is refused with a word that says so; either way nothing else of the database changes.
"""

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from plaintiff_moat.errors import BadInput
from plaintiff_moat.identify import canonical_source_system
from plaintiff_moat.importer import Importer
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.redaction import redact

_LISTED: list[str] = json.loads(Path(__file__).with_name("naughty_strings").joinpath("blns.json").read_text("utf-8"))
_FURTHER = [
    "\0", "a\0b", "\ud800", "bytes \udcff", "\x1b[2J\x1b[H", "\x9b2J", "a\r\nb", "\u202eevil", "x" * 4000, "%s", "{}",
    "--db", "\\N", "\\.", "$$", "'; drop schema ingest cascade; --", "../../etc/passwd", "a\\b", ".", "..", "con",
]  # fmt: skip
_PLACES = ("source_system", "batch_id", "filename", "header")


@pytest.fixture
def importer(database: Database) -> Iterator[Importer]:
    """Takes files in over one connection."""
    with Importer(database, workers=1) as one:
        yield one


def structure(conn: psycopg.Connection) -> list[object]:
    """What no import changes: every object of the database, and the settings."""
    objects = "select oid::regclass::text, relkind::text, relacl::text from pg_class where oid >= 16384 order by 1"
    functions = "select oid::regprocedure::text, md5(prosrc), proacl::text from pg_proc where oid >= 16384 order by 1"
    return [conn.execute(each).fetchall() for each in (objects, functions, "select * from ingest.settings")]


def written(folder: Path, name: str, header: str) -> Path | None:
    """Write a delivery of one record under this name; None where the file system knows no such name."""
    path = os.path.join(folder, f"{name}.csv")  # noqa: PTH118 - a Path would mend the name
    quoted = header.replace('"', '""')
    try:
        with open(path, "xb") as file:  # noqa: PTH123 - the same
            file.write(f'Plaintiff Name,"{quoted}"\n{folder.name},x\n'.encode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    return Path(path) if os.path.dirname(path) == str(folder) else None  # noqa: PTH120 - the same


def one_by_one(conn: psycopg.Connection, importer: Importer, folder: Path, texts: list[str]) -> tuple[int, int]:
    """Import a file for each text in each place; how many went in, and how many were refused."""
    before = structure(conn)
    taken: dict[str, tuple[str, str]] = {}
    refused = 0
    for place in _PLACES:
        for number, text in enumerate(texts):
            inside = folder / f"{place}-{number}"
            inside.mkdir()
            path = written(inside, text if place == "filename" else "plain", text if place == "header" else "Note")
            if path is None:
                continue
            given = {place: text} if place in {"source_system", "batch_id"} else {}
            try:
                summary = importer.import_file(path, **given)
            except BadInput:
                refused += 1
                continue
            assert (summary.claim_status, summary.rows_inserted) == ("claimed", 1), (place, text)
            taken[str(summary.run_id)] = (place, text)
    rows = conn.execute("select id::text, source_system, source_batch_id, filename from ingest.import_runs").fetchall()
    assert {run for run, *_ in rows} == taken.keys()
    for run, *names in rows:
        place, text = taken[run]
        if place != "header":
            assert names[_PLACES.index(place)] == kept_as(place, text), place
    assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (len(taken),)
    assert structure(conn) == before
    return len(taken), refused


def kept_as(place: str, text: str) -> str:
    """What the ledger has for this text: a vendor's name in its one spelling, a file's name printable and redacted."""
    if place == "source_system":
        return canonical_source_system(text)
    if place == "batch_id":
        return text or "manual-plain"  # an empty one is none
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return redact(f"{printable}.csv")


def test_names_that_break_programs(conn: psycopg.Connection, importer: Importer, tmp_path: Path) -> None:
    """A tenth of the list, and all that it lacks, in every place that a name has."""
    taken, refused = one_by_one(conn, importer, tmp_path, [*_LISTED[::20], *_FURTHER])
    assert taken > 100
    assert refused > 10


@pytest.mark.slow
def test_all_names_that_break_programs(conn: psycopg.Connection, importer: Importer, tmp_path: Path) -> None:
    """The whole list in every place that a name has."""
    assert one_by_one(conn, importer, tmp_path, _LISTED)[0] > 1500


def test_cells_that_break_programs(conn: psycopg.Connection, importer: Importer, tmp_path: Path) -> None:
    """Every text as a cell of a canonical column and of one that the mapping does not know: read back as sent."""
    texts = [text for text in (*_LISTED, *_FURTHER) if "\0" not in text and not _has_half_characters(text)]
    cells = ['"' + text.replace('"', '""') + '"' for text in texts]
    path = tmp_path / "cells.csv"
    lines = [f"P{number},{cell},{cell}" for number, cell in enumerate(cells)]
    path.write_bytes("\n".join(["Plaintiff Name,Firm,Remarks", *lines, ""]).encode())
    before = structure(conn)
    summary = importer.import_file(path)
    assert (summary.rows_fetched, summary.rows_inserted) == (len(texts), len(texts))
    kept = conn.execute("select firm_name, extra ->> 'Remarks' from ingest.v_plaintiffs order by row_number").fetchall()
    assert [extra or "" for _, extra in kept] == texts
    assert [firm or "" for firm, _ in kept] == [_trimmed(text) for text in texts]
    assert structure(conn) == before


def _trimmed(text: str) -> str:
    # white space and byte order marks, in whatever order they stand
    shorter = text.strip().strip("\ufeff")
    return text if shorter == text else _trimmed(shorter)


def _has_half_characters(text: str) -> bool:
    return any(unicodedata.category(character) == "Cs" for character in text)
