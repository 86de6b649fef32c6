"""Many connections claim the same file at the same moment, file after file: each file has one winner."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import psycopg
import pytest
from claim_race import claim_all, take_places
from outcome import broken_invariants

_PROCESSES = 4


@pytest.mark.parametrize(
    ("connections", "files"), [(16, 20), pytest.param(64, 200, marks=pytest.mark.faults)], ids=["16x20", "64x200"]
)
def test_each_file_of_a_storm_is_claimed_once(
    conn: psycopg.Connection, db_url: str, connections: int, files: int, record_property: Callable[[str, object], None]
) -> None:
    """One claim is granted; every other answer names the same run and says duplicate or in_progress."""
    # every second file is completed by its winner amid the storm
    names = [f"file-{number}{'!' * (number % 2)}" for number in range(files)]
    spawn = multiprocessing.get_context("spawn")
    threads = connections // _PROCESSES
    started = time.monotonic()
    with ProcessPoolExecutor(_PROCESSES, spawn, take_places, (spawn.Barrier(connections),)) as pool:
        of_processes = list(pool.map(claim_all, [db_url] * _PROCESSES, [threads] * _PROCESSES, [names] * _PROCESSES))
    record_property("claims", connections * files)
    record_property("seconds of the storm", round(time.monotonic() - started, 1))

    of_connections = [answers for of_threads in of_processes for answers in of_threads]
    assert len(of_connections) == connections
    total: Counter[str] = Counter()
    for name, answers in zip(names, zip(*of_connections, strict=True), strict=True):
        statuses = Counter(status for _, status in answers)
        assert statuses["claimed"] == 1
        assert statuses.keys() <= {"claimed", "in_progress"} | ({"duplicate"} if name.endswith("!") else set())
        assert len({run_id for run_id, _ in answers} - {None}) == 1
        assert None not in {run_id for run_id, _ in answers}
        total += statuses
    record_property("answers", dict(total))
    assert conn.execute("select count(*) from ingest.import_runs").fetchone() == (files,)
    recorded = Counter(
        dict(conn.execute("select event, count(*)::int from ingest.run_events group by event").fetchall())
    )
    assert recorded["claimed"] == files
    assert recorded["in_progress_refused"] == total["in_progress"]
    assert recorded["duplicate_blocked"] == total["duplicate"]
    assert broken_invariants(conn) == {}
