"""What fails for a reason that passes is said again; everything else fails as it is, at once."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plaintiff_moat.errors import DatabaseAway, DatabaseFull, DatabaseUnreachable, LeaseLost, RunFailed
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.connections import Connections
from plaintiff_moat.ledger.faults import domain_errors

_RAISE = "do $$ begin raise exception 'planted' using errcode = '{}'; end $$"


class _Failing:
    """An operation that the server fails with this SQLSTATE, the first `times` times."""

    def __init__(self, sqlstate: str, times: int) -> None:
        self.left = times
        self.backends: list[int] = []
        self._sqlstate = sqlstate

    def __call__(self, conn: psycopg.Connection[Any]) -> str:
        self.backends.append(conn.info.backend_pid)
        self.left -= 1
        if self.left >= 0:
            with domain_errors():
                conn.execute(_RAISE.format(self._sqlstate))
        return "done"


@pytest.fixture
def ledger(db_url: str) -> Iterator[Connections]:
    """Connections to the test's database."""
    with Connections(Database(db_url, embedded=False), patience=30) as connections:
        yield connections


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "25006", "53300", "57P01", "57P03", "08006"])
def test_what_passes_is_said_again_on_a_fresh_connection(ledger: Connections, sqlstate: str) -> None:
    """Conflicts, failovers, shutdowns and lost connections cost a pause and a connection, and nothing else."""
    operation = _Failing(sqlstate, times=3)
    assert ledger.do(operation) == "done"
    assert len(set(operation.backends)) == 4


@pytest.mark.parametrize("sqlstate", ["23505", "22000", "53100", "57014", "ML001"])
def test_what_does_not_pass_is_said_once(ledger: Connections, sqlstate: str) -> None:
    """A violated constraint, a full disk, a cancelled statement or a lost lease comes as it is, the first time."""
    operation = _Failing(sqlstate, times=3)
    with pytest.raises({"ML001": LeaseLost, "53100": DatabaseFull}.get(sqlstate, psycopg.Error)):
        ledger.do(operation)
    assert len(operation.backends) == 1


def test_patience_ends(db_url: str) -> None:
    """After `patience` seconds of failing the last failure is the answer; in a hurry the second is."""
    operation = _Failing("40001", times=10**6)
    with Connections(Database(db_url, embedded=False), patience=0.5) as ledger:
        with pytest.raises(psycopg.errors.SerializationFailure):
            ledger.do(operation)
        assert len(operation.backends) > 1
        operation.backends.clear()
        with ledger.in_a_hurry(), pytest.raises(psycopg.errors.SerializationFailure):
            ledger.do(operation)
        assert len(operation.backends) == 2


def test_a_database_that_never_answered_is_not_waited_for() -> None:
    """A wrong port is told at once: there is nothing that could pass."""
    with (
        Connections(Database("postgresql://127.0.0.1:9/moat", embedded=False), patience=10**6) as ledger,
        pytest.raises(DatabaseUnreachable) as refusal,
    ):
        ledger.do(_Failing("40001", times=0))
    assert not isinstance(refusal.value, DatabaseAway)


def test_connections_are_kept(ledger: Connections) -> None:
    """Operations that succeed share a connection."""
    operation = _Failing("40001", times=0)
    for _ in range(3):
        ledger.do(operation)
    assert len(set(operation.backends)) == 1


@pytest.mark.usefixtures("small_chunks")
def test_an_import_waits_for_a_failover_to_end(db_url: str, csv_file: Callable[..., Path]) -> None:
    """A server that becomes read-only in the middle of an import and writable again costs it nothing but time."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])
    back = threading.Timer(1.0, _set_read_only, (db_url, "off"))

    def fail_over(step: Progress) -> None:
        if step.done < step.total and not back.is_alive():
            _set_read_only(db_url, "on")
            back.start()

    assert import_file(path, db_url, workers=1, on_progress=_once(fail_over)).rows_inserted == 60
    back.join()
    with psycopg.connect(db_url) as conn:
        runs = conn.execute("select status::text, attempt from ingest.import_runs").fetchall()
    assert runs == [("completed", 1)]


@pytest.mark.usefixtures("small_chunks")
def test_a_standby_for_good_ends_in_one_clear_error(db_url: str, csv_file: Callable[..., Path]) -> None:
    """A server that stays read-only fails the import when patience is over; made writable, the next one goes on."""
    path = csv_file("a.csv", [f"P{number:03}" for number in range(60)])
    with pytest.raises(RunFailed, match=r"ReadOnlySqlTransaction \(SQLSTATE 25006\); import the file again"):
        import_file(path, db_url, workers=1, patience=0.3, on_progress=_once(lambda _: _set_read_only(db_url, "on")))
    _set_read_only(db_url, "off")
    assert import_file(path, db_url).rows_inserted == 60


def _set_read_only(db_url: str, mode: str) -> None:
    """Makes every other session end, and every new one read-only or not."""
    with psycopg.connect(db_url, autocommit=True) as operator:
        operator.execute("set default_transaction_read_only = off")
        operator.execute(f"""do $$ begin
            execute format('alter database %I set default_transaction_read_only = {mode}', current_database());
            end $$""")
        operator.execute("""select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'plaintiff-moat' and datname = current_database()""")


def _once(act: Callable[[Progress], None]) -> Callable[[Progress], None]:
    acted = False

    def on_progress(step: Progress) -> None:
        nonlocal acted
        if not acted:
            acted = True
            act(step)

    return on_progress
