"""A file goes in once and whole, and comes out again: `import_file` and `preview_file` on a live database."""

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from import_steps import active, counts, everything

from plaintiff_moat import delivery
from plaintiff_moat.delivery import open_delivery
from plaintiff_moat.errors import (
    BadInput,
    BadMapping,
    DatabaseNotMigrated,
    DatabaseUnreachable,
)
from plaintiff_moat.identify import compute_file_hash
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.preview import preview_file
from plaintiff_moat.redaction import contains_pii
from plaintiff_moat.source import Reading


def test_a_file_goes_in_whole(database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]) -> None:
    """Every record of a good file becomes an active plaintiff, with its values exact."""
    summary = import_file(csv_file("a.csv", ["Ada", "Ben", "Cyd"]), database)
    assert (summary.claim_status, summary.status, counts(summary)) == ("claimed", "completed", (3, 3, 0, 0))
    assert active(conn) == {"Ada", "Ben", "Cyd"}
    amount, date, extra = conn.execute(
        "select judgment_amount, judgment_date::text, extra from ingest.v_plaintiffs where plaintiff_name = 'Ada'"
    ).fetchone()
    assert (amount, date, extra) == (Decimal("1000.50"), "2024-05-01", {"Notes": None})


def test_the_same_file_again_is_a_duplicate(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """A completed delivery is not taken in again, and the answer names the run that did."""
    path = csv_file("a.csv", ["Ada"])
    first, second = import_file(path, database), import_file(path, database)
    assert (second.claim_status, second.run_id, counts(second)) == ("duplicate", first.run_id, (1, 1, 0, 0))
    assert active(conn) == {"Ada"}


def test_a_duplicate_is_known_before_it_is_read(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the hash of its bytes alone; summary and event are those of a claim, and what was undone is no duplicate."""
    path = csv_file("a.csv", ["Ada"])
    first = import_file(path, database)
    claimed = import_file(path, database, mapping="generic")  # who names a mapping has the file read by it
    with monkeypatch.context() as unread:
        unread.setattr(delivery, "scan", lambda *_, **__: pytest.fail("the file was read"))
        known = import_file(path, database)
    assert known == replace(claimed, seconds=known.seconds)
    events = conn.execute(
        "select event, attempt, details from ingest.run_events where import_run_id = %s order by seq desc limit 2",
        [first.run_id],
    ).fetchall()
    assert events[0] == events[1]
    assert events[0][0] == "duplicate_blocked"
    IngestClaimClient(conn).rollback(first.run_id, "wrong file")
    again = import_file(path, database)
    assert (again.claim_status, again.run_id != first.run_id) == ("claimed", True)


def test_every_record_has_one_outcome(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """Duplicates within a file are skipped and bad records rejected; the three counts add up to the records."""
    path = csv_file(
        "a.csv",
        ["Ada", "Ben", "Ada"],
        ",nobody@example.com,CV-9,,,",
        "Dot,dot@example.com,CV-8,N/A,,",
        "Eve,eve@example.com,CV-7,(12.00),,",
        "Fay,fay@example.com,CV-6,12.00,5/1/24,",
        'Gus,gus@example.com,CV-5,12.00,"5/1/2024"',
    )
    summary = import_file(path, database)
    assert counts(summary) == (8, 2, 1, 5)
    assert [(reject.line_start, reject.error_code) for reject in summary.first_rejects] == [
        (5, "MISSING_PLAINTIFF_NAME"),
        (6, "INVALID_AMOUNT"),
        (7, "INVALID_AMOUNT"),
        (8, "INVALID_DATE"),
        (9, "WRONG_FIELD_COUNT"),
    ]
    outcomes = conn.execute("select status, count(*) from ingest.plaintiffs_raw group by status").fetchall()
    assert dict(outcomes) == {"inserted": 2, "skipped": 1, "failed": 5}


def test_overlapping_files_share_and_inherit(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """B skips what A holds; undoing A hands it to B; A again is claimed and skips it."""
    a, b = csv_file("a.csv", ["Ada", "Ben"]), csv_file("b.csv", ["Ben", "Cyd"])
    first, second = import_file(a, database), import_file(b, database)
    assert (counts(first), counts(second)) == ((2, 2, 0, 0), (2, 1, 1, 0))

    result = IngestClaimClient(conn).rollback(first.run_id, "wrong export")
    assert (result.success, result.rows_affected) == (True, 2)
    assert active(conn) == {"Ben", "Cyd"}
    owned = conn.execute(
        "select rows_inserted, rows_skipped from ingest.v_runs where id = %s", [second.run_id]
    ).fetchone()
    assert owned == (2, 0)

    again = import_file(a, database)
    assert (again.claim_status, counts(again)) == ("claimed", (2, 1, 1, 0))
    assert again.run_id != first.run_id
    assert active(conn) == {"Ada", "Ben", "Cyd"}


@pytest.mark.usefixtures("small_chunks")
def test_chunks_landed_side_by_side_are_all_of_the_file(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """A file of many chunks lands each record once, in its own place, whichever worker was first."""
    names = [f"P{number:03}" for number in range(100)]
    steps: list[Progress] = []
    summary = import_file(csv_file("a.csv", names), database, workers=4, on_progress=steps.append)
    assert counts(summary) == (100, 100, 0, 0)
    landed = conn.execute(
        "select row_number, line_start, plaintiff_name from ingest.plaintiffs_raw order by 1"
    ).fetchall()
    assert landed == [(number + 1, number + 2, name) for number, name in enumerate(names)]
    assert len(steps) > 10
    assert (steps[-1].done, steps[-1].total) == (100, 100)


def test_a_preview_counts_as_the_import_would_and_writes_nothing(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """The dry run's counts against live data are those of the import that follows, and no table has changed by it."""
    import_file(csv_file("a.csv", ["Ada", "Ben"]), database)
    path = csv_file("b.csv", ["Ben", "Cyd", "Cyd"], ",,,,,")
    before = everything(conn)
    preview = preview_file(path, database)
    assert everything(conn) == before
    assert (preview.dry_run, preview.claim_status, preview.status) == (True, "claimed", None)
    summary = import_file(path, database)
    assert counts(preview) == counts(summary) == (4, 1, 2, 1)


def test_a_preview_says_what_a_claim_would_answer(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """A dry run of a file that is imported, or that somebody has, says so."""
    done, held = csv_file("a.csv", ["Ada"]), csv_file("b.csv", ["Ben"])
    import_file(done, database)
    IngestClaimClient(conn).claim("manual", "manual-b", compute_file_hash(held), "b.csv")
    assert preview_file(done, database).claim_status == "duplicate"
    assert preview_file(held, database).claim_status == "in_progress"


def test_a_limited_preview_reads_only_so_many_records(database: Database, csv_file: Callable[..., Path]) -> None:
    """With a limit the dry run counts the first records only."""
    assert counts(preview_file(csv_file("a.csv", ["Ada", "Ben", "Cyd"]), database, limit=2)) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", BadInput),
        (b"\xef\xbb\xbf\r\n", BadInput),
        (b"Plaintiff Name,Email\n", BadInput),
        (b"Email,Phone\na@example.com,1\n", BadInput),
        (b"\x00\x01\x02\x03" * 100, BadInput),
        (b"PK\x03\x04" + b"\x00" * 100, BadInput),
    ],
)
def test_an_unusable_file_is_refused_before_anything_is_written(
    database: Database, conn: psycopg.Connection, tmp_path: Path, content: bytes, expected: type[Exception]
) -> None:
    """An empty, header-only, nameless or binary file is refused and leaves no trace."""
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(expected):
        import_file(path, database)
    assert everything(conn) == [0] * 7


def test_an_unknown_mapping_is_refused_before_anything_is_written(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """A mapping that does not exist is refused, with those that do."""
    with pytest.raises(BadMapping, match="generic"):
        import_file(csv_file("a.csv", ["Ada"]), database, mapping="genric")
    assert everything(conn) == [0] * 7


def test_an_unmigrated_database_is_refused(blank_db_url: str, csv_file: Callable[..., Path]) -> None:
    """An import never migrates a configured server: it says what does."""
    with pytest.raises(DatabaseNotMigrated, match="moat db push"):
        import_file(csv_file("a.csv", ["Ada"]), Database(blank_db_url, embedded=False))


def test_an_unreachable_database_is_refused(csv_file: Callable[..., Path]) -> None:
    """A server that does not answer is named, without the password that was to be sent to it."""
    database = Database("postgresql://somebody:hunter2@127.0.0.1:9/moat", embedded=False)
    with pytest.raises(DatabaseUnreachable) as refusal:
        import_file(csv_file("a.csv", ["Ada"]), database)
    assert "hunter2" not in str(refusal.value)


def test_what_copy_could_choke_on_lands_as_sent(database: Database, conn: psycopg.Connection, tmp_path: Path) -> None:
    """Quotes, backslashes, newlines, the end-of-copy mark, the word NULL and every script arrive as they were sent."""
    cells = [
        "\\.",
        "NULL",
        "\\N",
        'say "hi"',
        "two\nlines",
        "tab\there",
        "a\\b",
        "Ünïcødé 名前 🙂",
        "cr\r\nlf",
        "{x,y}",
        "'",
    ]
    quoted = "\n".join(f'"P{n}","{cell.replace(chr(34), chr(34) * 2)}"' for n, cell in enumerate(cells))
    path = tmp_path / "odd.csv"
    path.write_bytes(f"Plaintiff Name,Notes\n{quoted}\n".encode())
    assert counts(import_file(path, database)) == (len(cells), len(cells), 0, 0)
    landed = conn.execute("select extra ->> 'Notes' from ingest.plaintiffs_raw order by row_number").fetchall()
    assert [cell for (cell,) in landed] == cells


def test_a_vendor_is_one_however_it_is_spelled(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """Two spellings of a source system are one vendor: its files share records and inherit them."""
    first = import_file(csv_file("a.csv", ["Ada", "Ben"]), database, source_system="Acme  Corp")
    second = import_file(csv_file("b.csv", ["Ada", "Cyd"]), database, source_system=" acme corp")
    assert counts(second) == (2, 1, 1, 0)
    assert first.source_system == second.source_system == "acme corp"
    IngestClaimClient(conn).rollback(first.run_id, "wrong export")
    assert active(conn) == {"Ada", "Cyd"}


@pytest.mark.parametrize("name", ["two\nlines.csv", "\x1b]0;title\x07.csv", os.fsdecode(b"caf\xe9.csv")])
def test_a_file_may_have_any_name(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], name: str
) -> None:
    """What a terminal would obey, or what is no character, is not kept of a file's name."""
    path = csv_file("x.csv", ["Ada"])
    summary = import_file(path.rename(path.with_name(name)), database)
    (stored,) = conn.execute("select filename from ingest.import_runs").fetchone()
    assert stored == summary.filename
    assert stored.isprintable()


@pytest.mark.parametrize(("source_system", "batch_id"), [("  ", None), ("s" * 300, None), ("s", "b" * 300), ("s", " ")])
def test_names_that_cannot_identify_are_refused(
    database: Database,
    conn: psycopg.Connection,
    csv_file: Callable[..., Path],
    source_system: str,
    batch_id: str | None,
) -> None:
    """A source system or batch that is empty or endless is refused before anything is written."""
    with pytest.raises(BadInput, match="expected 1 to 256 characters"):
        import_file(csv_file("a.csv", ["Ada"]), database, source_system=source_system, batch_id=batch_id)
    assert everything(conn) == [0] * 7


@pytest.mark.parametrize("name", ["export 219\u200b09\u200b9999.csv", "export 219 & 09 & 9999.csv"])
def test_a_name_that_hides_a_number_shows_none(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], name: str
) -> None:
    """Neither the stored name nor the batch id made of it spells out the number that a file's name holds."""
    path = csv_file("x.csv", ["Ada"])
    summary = import_file(path.rename(path.with_name(name)), database)
    run = conn.execute("select filename, source_batch_id from ingest.import_runs").fetchone()
    assert run == (summary.filename, summary.batch_id)
    assert not [text for text in run if contains_pii(text)]


@pytest.mark.parametrize("name", [{"source_system": "vendor 219-09-9999"}, {"batch_id": "219099999"}])
def test_a_number_is_no_name(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], name: dict[str, str]
) -> None:
    """A delivery named by what counts as a social security number is refused before anything is written."""
    path = csv_file("219-09-9999.csv", ["Ada"])
    with pytest.raises(BadInput, match="name it otherwise") as refusal:
        import_file(path, database, **name)
    assert not contains_pii(str(refusal.value))
    assert conn.execute("select from ingest.import_runs").fetchall() == []
    assert import_file(path, database).status == "completed"


@pytest.mark.usefixtures("small_chunks")
def test_a_file_of_another_dialect_goes_in_as_its_own_bytes(
    database: Database, conn: psycopg.Connection, tmp_path: Path
) -> None:
    """UTF-16 with semicolons and CR: found out, said, and what was landed is held against the delivered bytes."""
    lines = ["Export of May", "", "Plaintiff Name;Index Number;Notes"]
    lines += [f'Zoë {number};CV-{number};"a;\nb"' for number in range(40)]
    path = tmp_path / "excel.csv"
    path.write_bytes("\r".join([*lines, lines[2], "Total;40;", ""]).encode("utf-16"))
    summary = import_file(path, database)
    assert (counts(summary), summary.header_line) == ((42, 40, 0, 2), 3)
    assert str(summary.dialect) == "utf-16-le, semicolon, double quote, lines end with CR"
    assert {reject.error_code for reject in summary.first_rejects} == {"REPEATED_HEADER", "TOTALS_LINE"}
    assert "Zoë 39" in active(conn)
    assert conn.execute("select distinct extra ->> 'Notes' from ingest.v_plaintiffs").fetchall() == [("a;\nb",)]
    chunks = conn.execute("select byte_start, byte_end, digest from ingest.landed_chunks order by chunk_no").fetchall()
    content = path.read_bytes()
    assert len(chunks) > 1
    assert [sha256(content[start:end]).hexdigest() for start, end, _ in chunks] == [digest for _, _, digest in chunks]


def test_what_is_said_of_a_file_decides_how_it_is_read(database: Database, tmp_path: Path) -> None:
    """The dialect stands in the reader's fingerprint, so that a run is never continued under another."""
    path = tmp_path / "said.csv"
    path.write_bytes(b"Plaintiff Name,Index Number\nRen\xe9,1\n")
    found = open_delivery(path, source_system="manual")
    said = open_delivery(path, source_system="manual", reading=Reading(encoding="mac_roman"))
    assert found.rows(found.scan.chunks[0])["plaintiff_name"].to_list() == ["René"]
    assert said.rows(said.scan.chunks[0])["plaintiff_name"].to_list() == ["RenÈ"]
    assert found.reader_fingerprint != said.reader_fingerprint
    path.write_bytes(b"Plaintiff Nane,Indx Number\nAda,1\n")
    with pytest.raises(
        BadInput, match=r"found 'Plaintiff Nane', 'Indx Number'; expected .*did you mean 'Plaintiff Name'"
    ):
        preview_file(path, database)
    for header, said_of_it in (("Plaintiff Name,Fee,Fee", "'Fee'"), ("Plaintiff Name,,Fee", "none for column 2")):
        path.write_text(f"{header}\nAda,1,2\n")
        with pytest.raises(BadInput, match=said_of_it):
            preview_file(path, database)
