"""An import that is interrupted, outrun or cut off publishes nothing, and the next one completes it."""

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from import_steps import active, counts

from plaintiff_moat.errors import (
    LeaseLost,
    RunFailed,
    SourceChanged,
)
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger.connect import Database


@pytest.mark.usefixtures("small_chunks")
def test_an_interrupted_import_goes_on_where_it_stopped(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """An interruption fails the run and publishes nothing; the next import lands only the missing chunks."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])

    def interrupt(step: Progress) -> None:
        if step.done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, database, workers=1, on_progress=interrupt)
    status, details = conn.execute("select status::text, error_details from ingest.import_runs").fetchone()
    assert (status, details["code"]) == ("failed", "INTERRUPTED")
    assert active(conn) == set()
    (before,) = conn.execute("select count(*) from ingest.landed_chunks").fetchone()
    assert before > 0

    summary = import_file(path, database)
    assert counts(summary) == (60, 60, 0, 0)
    attempts = conn.execute("select attempt, count(*) from ingest.landed_chunks group by attempt order by 1").fetchall()
    assert attempts[0] == (1, before)
    assert attempts[1][0] == 2
    assert len(active(conn)) == 60


@pytest.mark.usefixtures("small_chunks")
def test_a_worker_that_lost_its_lease_stops(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """An operator's manual abort fences the importer: its next chunk is refused and nothing is published."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])

    def abort(_: Progress) -> None:
        conn.execute("""update ingest.import_runs set status = 'failed', error_details = '{"manual_abort": true}'
            where status = 'processing'""")

    with pytest.raises(LeaseLost):
        import_file(path, database, workers=1, on_progress=abort)
    assert conn.execute("select status::text, error_details from ingest.import_runs").fetchone() == (
        "failed",
        {"manual_abort": True},
    )
    assert active(conn) == set()
    refused = conn.execute("select details from ingest.v_run_events where event = 'write_refused'").fetchall()
    assert ({"operation": "land", "attempt": 1, "status": "failed"},) in refused


@pytest.mark.usefixtures("small_chunks")
def test_a_file_that_changes_after_its_claim_is_not_published(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """The bytes that are landed are the bytes that were hashed, or the run fails."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])
    changed = path.read_bytes().replace(b"P059", b"Q059")

    with pytest.raises(SourceChanged):
        import_file(path, database, workers=1, on_progress=lambda _: path.write_bytes(changed))
    assert conn.execute("select status::text from ingest.import_runs").fetchone() == ("failed",)
    assert active(conn) == set()


def test_a_changed_mapping_begins_a_new_run(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], tmp_path: Path
) -> None:
    """A run interrupted under one mapping is not continued under another: it is undone, and a new one starts."""
    path = csv_file("a.csv", ["Ada", "Ben"])

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, database, on_progress=interrupt)
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\ndescription = "ours"\nversion = 1\n[columns]\nplaintiff_name = ["Plaintiff Name"]\n',
        encoding="utf-8",
    )
    summary = import_file(path, database, mapping=str(own))
    assert counts(summary) == (2, 2, 0, 0)
    runs = conn.execute("select status::text, rollback_reason is not null from ingest.import_runs order by created_at")
    assert runs.fetchall() == [("rolled_back", True), ("completed", False)]
    (extra,) = conn.execute("select extra from ingest.v_plaintiffs limit 1").fetchone()
    assert "Index Number" in extra


def test_two_importers_at_once_leave_one_load(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """Two imports of one file at the same moment: one does it, the other is told so, and nothing is doubled."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(500)])
    answers: list[str] = []
    workers = [
        threading.Thread(target=lambda: answers.append(import_file(path, database).claim_status)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert "claimed" in answers
    assert set(answers) <= {"claimed", "in_progress", "duplicate"}
    assert answers.count("claimed") == 1
    assert len(active(conn)) == 500


@pytest.fixture
def cut(conn: psycopg.Connection) -> Callable[[Progress], None]:
    """A listener that ends every connection of the import whenever a chunk has landed."""

    def cut(_: Progress) -> None:
        conn.execute("""select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'plaintiff-moat' and datname = current_database() and pid <> pg_backend_pid()""")

    return cut


@pytest.mark.usefixtures("small_chunks")
def test_lost_connections_are_made_again(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], cut: Callable[[Progress], None]
) -> None:
    """An import whose connections are cut again and again completes within its first attempt."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])
    assert counts(import_file(path, database, on_progress=cut)) == (60, 60, 0, 0)
    assert conn.execute("select status::text, attempt from ingest.import_runs").fetchall() == [("completed", 1)]
    assert len(active(conn)) == 60


@pytest.mark.usefixtures("small_chunks")
def test_without_patience_a_lost_connection_fails_the_run_and_the_next_import_completes_it(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], cut: Callable[[Progress], None]
) -> None:
    """When patience is at its end the run is failed at once, and the same file goes on from there."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])
    with pytest.raises(RunFailed, match="nothing of it is active"):
        import_file(path, database, workers=1, patience=0, on_progress=cut)
    assert conn.execute("select status::text from ingest.import_runs").fetchone() == ("failed",)
    assert counts(import_file(path, database)) == (60, 60, 0, 0)
    assert len(active(conn)) == 60
