"""Many files with one importer: the next is read while one is landed, and nothing of the promise changes by it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
from import_steps import active, counts

from plaintiff_moat.errors import BadInput
from plaintiff_moat.folder import take_each
from plaintiff_moat.identify import compute_file_hash
from plaintiff_moat.importer import Importer
from plaintiff_moat.ledger.connect import Database


def test_files_read_ahead_are_taken_in_their_order(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """Each file gets its own outcome: the first keeps the shared key, the bad one is refused in its turn."""
    files = [csv_file("a.csv", ["ann", "bob"]), csv_file("b.csv", []), csv_file("c.csv", ["bob", "cyd"])]
    files[1].write_text("Plaintiff Name,Plaintiff Name\nann,bob\n", encoding="utf-8")
    with Importer(database) as importer:
        outcomes = list(take_each(files, importer.import_file, importer.read_ahead))
        again = list(take_each(files, importer.import_file, importer.read_ahead))
    assert [outcome.path for outcome in outcomes] == files
    assert [outcome.summary and counts(outcome.summary) for outcome in outcomes] == [(2, 2, 0, 0), None, (2, 1, 1, 0)]
    assert isinstance(outcomes[1].error, BadInput)
    assert [outcome.summary and outcome.summary.claim_status for outcome in again] == ["duplicate", None, "duplicate"]
    assert active(conn) == {"ann", "bob", "cyd"}


def test_a_file_that_changes_after_it_was_read_ahead_is_taken_as_it_is_then(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """What was read ahead counts only for the very bytes that stand there when the file's turn comes."""
    first, second = csv_file("a.csv", ["ann"]), csv_file("b.csv", ["bob"])
    with Importer(database) as importer:
        importer.read_ahead(second)
        importer.import_file(first, on_progress=lambda _: csv_file("b.csv", ["bea", "ben"]))
        summary = importer.import_file(second)
    assert summary.file_hash == compute_file_hash(second)
    assert counts(summary) == (2, 2, 0, 0)
    assert active(conn) == {"ann", "bea", "ben"}


def test_what_is_read_ahead_is_read_as_the_import_asks(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """A file that was read ahead as one source system's is not imported as another's by it."""
    path = csv_file("a.csv", ["ann"])
    with Importer(database) as importer:
        importer.read_ahead(path.with_name("absent.csv"))
        importer.read_ahead(path, source_system="acme")
        assert importer.import_file(path, source_system="bolt").source_system == "bolt"
        importer.read_ahead(path, source_system="acme")
        importer.import_file(path, source_system="acme")
    landed = conn.execute(
        "select r.source_system, count(*) from ingest.v_plaintiffs r group by 1 order by 1"
    ).fetchall()
    assert landed == [("acme", 1), ("bolt", 1)]
