"""The documented claim client, `etl.src.ingest_claim`, against a real database."""

import hashlib
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from etl.src.ingest_claim import (
    ClaimResult,
    ClaimStatus,
    IngestClaimClient,
    ReconcileResult,
    RollbackResult,
    compute_batch_id,
    compute_file_hash,
)
from plaintiff_moat.errors import (
    BadInput,
    DatabaseNotMigrated,
    DatabaseUnreachable,
    IdentityRequired,
    LeaseLost,
    NoSuchRun,
    NotPermitted,
)

Connection = psycopg.Connection[Any]

_SSN = "123-45-6789"


@pytest.fixture
def client(conn: Connection) -> IngestClaimClient:
    """Return the client of worker-1."""
    return IngestClaimClient(conn, worker_id="worker-1")


@pytest.fixture
def rival(conn: Connection) -> IngestClaimClient:
    """Return the client of worker-2."""
    return IngestClaimClient(conn, worker_id="worker-2")


@pytest.fixture
def callers_conn(db_url: str) -> Iterator[Connection]:
    """Yield a connection as a caller opens it by default: not in autocommit mode."""
    with psycopg.connect(db_url) as connection:
        yield connection


def offer(client: IngestClaimClient, filename: str | None = None, expected_count: int | None = None) -> ClaimResult:
    """Claim the delivery that these tests are about."""
    return client.claim("simplicity", "batch-1", "ab" * 32, filename, expected_count=expected_count)


def claimed(client: IngestClaimClient) -> UUID:
    """Claim the delivery and return its run."""
    claim = offer(client)
    assert claim.is_claimed
    assert claim.run_id is not None
    return claim.run_id


def status_of(conn: Connection, run_id: UUID) -> str:
    """Return the run's status."""
    return str(conn.execute("select status from ingest.import_runs where id = %s", (run_id,)).fetchall()[0][0])


def let_it_go_stale(conn: Connection, run_id: UUID) -> None:
    """Let the holder be silent for 31 minutes."""
    conn.execute("update ingest.import_runs set updated_at = now() - interval '31 minutes' where id = %s", (run_id,))


def test_three_answers_to_a_claim(client: IngestClaimClient, rival: IngestClaimClient) -> None:
    """The first is claimed with attempt 1, a rival is told in_progress, and after the end everybody duplicate."""
    first = offer(client, filename="plaintiffs.csv")
    second = offer(rival)
    assert (first.status, first.is_claimed, first.is_duplicate, first.is_in_progress) == ("claimed", True, False, False)
    assert (second.status, second.is_claimed, second.is_duplicate, second.is_in_progress) == (
        ClaimStatus.IN_PROGRESS,
        False,
        False,
        True,
    )
    assert first.run_id is not None
    assert (first.attempt, second.run_id) == (1, first.run_id)
    client.finalize(first.run_id, 10, 9, 1, 0)
    third = offer(rival)
    assert third == ClaimResult(run_id=first.run_id, status=ClaimStatus.DUPLICATE, attempt=1)
    assert (third.is_claimed, third.is_duplicate, third.is_in_progress) == (False, True, False)


def test_claim_statuses_are_the_documented_words() -> None:
    """The three statuses have the runbook's spelling, as text too."""
    assert [str(status) for status in ClaimStatus] == ["claimed", "duplicate", "in_progress"]


def test_results_do_not_change(client: IngestClaimClient) -> None:
    """What the client returns is a value: nobody edits it."""
    claim = offer(client)
    with pytest.raises(FrozenInstanceError):
        claim.status = ClaimStatus.DUPLICATE  # type: ignore[misc]


def test_each_call_commits_on_its_own(conn: Connection, callers_conn: Connection) -> None:
    """On a connection without an open transaction, others see a claim at once and it outlives the caller's rollback."""
    run_id = claimed(IngestClaimClient(callers_conn))
    assert status_of(conn, run_id) == "processing"
    callers_conn.rollback()
    assert status_of(conn, run_id) == "processing"


def test_call_becomes_part_of_the_callers_transaction(conn: Connection, callers_conn: Connection) -> None:
    """In a transaction that the caller opened, a call takes effect with that transaction or not at all."""
    with callers_conn.transaction(force_rollback=True):
        run_id = claimed(IngestClaimClient(callers_conn))
    assert conn.execute("select from ingest.import_runs where id = %s", (run_id,)).fetchall() == []


def test_callers_row_factory_is_respected(conn: Connection) -> None:
    """A connection whose rows are dictionaries serves as well, and keeps making dictionaries."""
    conn.row_factory = dict_row
    client = IngestClaimClient(conn)
    run_id = claimed(client)
    assert client.reconcile(run_id, 0) == ReconcileResult(True, 0, 0, 0)
    assert conn.execute("select 1 as one").fetchall() == [{"one": 1}]


def test_finalize_tells_how_the_run_ended(client: IngestClaimClient, conn: Connection) -> None:
    """Finalize returns the run's status; the run can be named by the text of its id."""
    run_id = claimed(client)
    assert client.finalize(run_id, 5, 1, 0, 0, mark_completed=False) == "processing"
    assert client.finalize(str(run_id), 100, 97, 2, 1) == "completed"
    counts = "select rows_fetched, rows_inserted, rows_skipped, rows_errored from ingest.import_runs where id = %s"
    assert conn.execute(counts, (run_id,)).fetchall() == [(100, 97, 2, 1)]


def test_fatal_error_fails_the_run(client: IngestClaimClient, conn: Connection) -> None:
    """With `"fatal": True` the run is failed and can be claimed again, as attempt 2."""
    run_id = claimed(client)
    assert client.finalize(run_id, 0, 0, 0, 1, {"fatal": True, "message": "disk full"}) == "failed"
    details = conn.execute("select error_details from ingest.import_runs where id = %s", (run_id,)).fetchall()
    assert details == [({"fatal": True, "message": "disk full"},)]
    assert offer(client).attempt == 2


def test_error_details_are_redacted(client: IngestClaimClient, conn: Connection) -> None:
    """A social security number in error details, however deep, is stored neither with the run nor in events."""
    run_id = claimed(client)
    details = {"fatal": True, "message": f"bad value {_SSN}", "rows": [{"line": 7, "text": f"SSN {_SSN}"}]}
    client.finalize(run_id, 0, 0, 0, 1, details)
    for table in ("import_runs", "run_events"):
        text = str(conn.execute(f"select t::text from ingest.{table} as t".encode()).fetchall())
        assert "123-45" not in text
        assert "bad value" in text


def test_filename_and_reason_are_redacted(client: IngestClaimClient, conn: Connection) -> None:
    """A file's name and the reason of a rollback go through the redactor too."""
    run_id = offer(client, filename=f"{_SSN}.csv").run_id
    assert run_id is not None
    client.rollback(run_id, f"{_SSN} complained")
    assert "123-45" not in str(conn.execute("select t::text from ingest.import_runs as t").fetchall())
    assert "123-45" not in str(conn.execute("select t::text from ingest.run_events as t").fetchall())


def test_a_number_names_no_delivery(client: IngestClaimClient) -> None:
    """A batch id cannot be redacted without being another one: it is refused."""
    with pytest.raises(BadInput, match="batch id") as refusal:
        client.claim("simplicity", _SSN, "0" * 64)
    assert _SSN not in str(refusal.value)


def test_reconcile_returns_the_four_figures(client: IngestClaimClient, conn: Connection) -> None:
    """The result names expected, actual and delta; unequal counts fail the run."""
    run_id = claimed(client)
    result = client.reconcile(run_id, expected_count=3)
    assert result == ReconcileResult(is_valid=False, expected_count=3, actual_count=0, delta=-3)
    assert status_of(conn, run_id) == "failed"


def test_reconcile_uses_the_count_of_the_claim(client: IngestClaimClient) -> None:
    """The expected count that came with the claim serves where reconcile brings none."""
    run_id = offer(client, expected_count=4).run_id
    assert run_id is not None
    assert client.reconcile(run_id).expected_count == 4


def test_rollback_by_anybody(client: IngestClaimClient, conn: Connection) -> None:
    """A run is undone by a client that never claimed it; twice is success, an unknown run is not."""
    run_id = claimed(client)
    client.finalize(run_id, 0, 0, 0, 0)
    operator = IngestClaimClient(conn)
    assert operator.rollback(run_id, "bad file") == RollbackResult(success=True, rows_affected=0)
    assert operator.rollback(str(run_id)) == RollbackResult(success=True, rows_affected=0)
    assert operator.rollback(uuid4(), "bad file") == RollbackResult(success=False, rows_affected=0)
    assert status_of(conn, run_id) == "rolled_back"


def test_heartbeat_keeps_the_lease(client: IngestClaimClient, rival: IngestClaimClient, conn: Connection) -> None:
    """A sign of life turns a stale lease into a live one."""
    run_id = claimed(client)
    let_it_go_stale(conn, run_id)
    assert client.heartbeat(run_id)
    assert offer(rival).is_in_progress


def test_heartbeat_of_an_ended_run(client: IngestClaimClient, rival: IngestClaimClient) -> None:
    """The client that claimed the run is told that the lease is lost, one that never did gets False."""
    run_id = claimed(client)
    client.finalize(run_id, 0, 0, 0, 0)
    assert not rival.heartbeat(run_id)
    with pytest.raises(LeaseLost, match="completed"):
        client.heartbeat(run_id)


def test_client_that_was_taken_over_is_told(
    client: IngestClaimClient, rival: IngestClaimClient, conn: Connection
) -> None:
    """After a takeover every call of the former holder raises LeaseLost; the new holder goes on."""
    run_id = claimed(client)
    let_it_go_stale(conn, run_id)
    assert offer(rival).attempt == 2
    for call in (
        lambda: client.heartbeat(run_id),
        lambda: client.finalize(run_id, 0, 0, 0, 0),
        lambda: client.finalize(run_id, 0, 0, 0, 1, {"fatal": True}),
        lambda: client.reconcile(run_id),
    ):
        with pytest.raises(LeaseLost, match="attempt is 1, the run is at attempt 2"):
            call()
    assert rival.finalize(run_id, 0, 0, 0, 0) == "completed"


def test_client_that_never_claimed_must_say_who_it_is(
    client: IngestClaimClient, rival: IngestClaimClient, conn: Connection
) -> None:
    """After a takeover a client without a lease could be the zombie: IdentityRequired, until it is given the lease."""
    run_id = claimed(client)
    let_it_go_stale(conn, run_id)
    claimed(rival)
    with pytest.raises(IdentityRequired):
        IngestClaimClient(conn).finalize(run_id, 0, 0, 0, 0)
    helper = IngestClaimClient(conn, lease=rival.lease(run_id))
    assert helper.heartbeat(run_id)
    assert helper.finalize(run_id, 0, 0, 0, 0) == "completed"


def test_lease_is_of_what_was_claimed(client: IngestClaimClient, rival: IngestClaimClient) -> None:
    """A client can hand on the leases that it was granted, and no others."""
    run_id = claimed(client)
    assert (client.lease(run_id).attempt, client.lease(run_id).worker_id) == (1, "worker-1")
    offer(rival)
    with pytest.raises(KeyError):
        rival.lease(run_id)


def test_same_worker_again_is_claimed(client: IngestClaimClient, conn: Connection) -> None:
    """A worker that restarted under its name goes on with its run; without a name each client is another worker."""
    run_id = claimed(client)
    again = offer(IngestClaimClient(conn, worker_id="worker-1"))
    assert (again.run_id, again.is_claimed, again.attempt) == (run_id, True, 2)
    assert IngestClaimClient(conn).worker_id != IngestClaimClient(conn).worker_id


def test_run_that_does_not_exist(client: IngestClaimClient) -> None:
    """Finalize and reconcile say so; a heartbeat has nothing to keep alive."""
    with pytest.raises(NoSuchRun):
        client.finalize(uuid4(), 0, 0, 0, 0)
    with pytest.raises(NoSuchRun):
        client.reconcile(uuid4())
    assert not client.heartbeat(uuid4())


def test_database_without_the_schema(blank_db_url: str) -> None:
    """A database that was never migrated is named as such, with the remedy."""
    with psycopg.connect(blank_db_url, autocommit=True) as conn, pytest.raises(DatabaseNotMigrated, match="db push"):
        offer(IngestClaimClient(conn))


def test_user_without_the_privilege(conn: Connection) -> None:
    """A database user who may not call the functions is told which roles may."""
    with conn.transaction(force_rollback=True):
        conn.execute("create role nobody_in_particular")
        conn.execute("grant nobody_in_particular to current_user")  # who created it may not act as it, since 16
        conn.execute("set local role nobody_in_particular")
        with pytest.raises(NotPermitted, match="dragonfly_app"):
            offer(IngestClaimClient(conn))


def test_connection_that_was_lost(client: IngestClaimClient, conn: Connection, db_url: str) -> None:
    """A connection that the server closed is reported as such, without any of its own words."""
    with psycopg.connect(db_url, autocommit=True) as administrator:
        administrator.execute("select pg_terminate_backend(%s)", (conn.info.backend_pid,))
    with pytest.raises(DatabaseUnreachable, match="connection to the database was lost"):
        offer(client)


def test_file_hash_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    """The hash is that of the file's bytes as they are, in lower-case hex, also for files larger than any buffer."""
    path = tmp_path / "plaintiffs.csv"
    content = b"\xef\xbb\xbfname\r\nAda\r\n" * 100_000
    path.write_bytes(content)
    assert compute_file_hash(path) == compute_file_hash(str(path)) == hashlib.sha256(content).hexdigest()


def test_file_hash_of_what_cannot_be_read(tmp_path: Path) -> None:
    """A missing file raises as `open` does."""
    with pytest.raises(FileNotFoundError):
        compute_file_hash(tmp_path / "absent.csv")


def test_batch_id_is_deterministic() -> None:
    """The same arguments give the same id, which contains source system and suffix and ignores folder and ending."""
    batch_id = compute_batch_id("simplicity", "/var/in/January Export.CSV", "2026-01-15")
    assert batch_id == compute_batch_id("simplicity", "January Export.csv", "2026-01-15")
    assert "simplicity" in batch_id
    assert "2026-01-15" in batch_id
    assert batch_id != compute_batch_id("simplicity", "January Export.csv")
    assert batch_id != compute_batch_id("jbi", "January Export.csv", "2026-01-15")
    assert batch_id != compute_batch_id("simplicity", "February Export.csv", "2026-01-15")
