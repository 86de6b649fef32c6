"""An administrator ends sessions of imports at random moments; every file is in all the same, once and whole."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest
from import_steps import active
from outcome import broken_invariants, unfinished_runs

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database

_LONGEST_PAUSE = 0.3  # seconds: an import of these files takes some 0.2, and longer while it is being hindered
_PATIENCE = 120.0
_IMPORTERS = 2

# Who is ended, and amid what. Chosen here and not by the server: the seed then tells the whole story of the choices.
_VICTIMS = """
    select pid, coalesce(state, 'starting') from pg_stat_activity
    where application_name = 'plaintiff-moat' and datname = current_database() and pid <> pg_backend_pid()
    order by pid
"""


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("terminations", [10, pytest.param(100, marks=pytest.mark.faults)])
def test_terminated_sessions_lose_and_double_nothing(
    db_url: str,
    csv_file: Callable[..., Path],
    terminations: int,
    record_property: Callable[[str, object], None],
) -> None:
    """Imports one after the other while sessions of theirs are terminated: each completes, by itself, at once."""
    over = threading.Event()
    numbers = count()
    imported: list[str] = []

    def import_until_over() -> None:
        while not over.is_set():
            number = next(numbers)
            # the middle third of each file is in the next file as well
            names = [f"P{place:06}" for place in range(number * 20, number * 20 + 30)]
            summary = import_file(csv_file(f"{number}.csv", names), Database(db_url, embedded=False), workers=2)
            assert (summary.claim_status, summary.status) == ("claimed", "completed")
            imported.extend(names)

    with ThreadPoolExecutor(_IMPORTERS) as importers:
        running = [importers.submit(import_until_over) for _ in range(_IMPORTERS)]
        try:
            amid = _terminate(terminations, db_url)
        finally:
            over.set()
        for importer in running:
            importer.result()

    with psycopg.connect(db_url, autocommit=True) as conn:
        attempts = conn.execute("select attempt, count(*) from ingest.import_runs group by attempt").fetchall()
        assert active(conn) == set(imported)
        assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (len(set(imported)),)
        assert unfinished_runs(conn) == []
        assert broken_invariants(conn) == {}
    assert sum(amid.values()) == terminations
    record_property("terminated amid", dict(amid))
    record_property("files", next(numbers))
    record_property("runs by attempt", dict(attempts))


def _terminate(terminations: int, db_url: str) -> Counter[str]:
    """End so many sessions of importers at moments of a seeded clock; what the ended ones were amid."""
    clock = random.Random(20260115)
    amid: Counter[str] = Counter()
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(db_url, autocommit=True, application_name="administrator") as administrator:
        while sum(amid.values()) < terminations:
            assert time.monotonic() < deadline, f"only {sum(amid.values())} sessions could be terminated"
            time.sleep(clock.uniform(0, _LONGEST_PAUSE))
            victims = administrator.execute(_VICTIMS).fetchall()
            if victims:
                pid, state = clock.choice(victims)
                (ended,) = administrator.execute("select pg_terminate_backend(%s)", [pid]).fetchone() or (False,)
                amid[state] += ended
    return amid
