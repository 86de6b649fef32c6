"""A zombie: a worker that is stopped, outlived by its lease, and woken when another has done its work."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from import_process import MoatProcess, begun, comes_true, imported
from import_scene import Scene

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.ledger.connect import Database, connect

_CHUNKS = 10


def _falls_asleep(
    moment: str | None, dice: random.Random, scene: Scene, worker: MoatProcess, conn: psycopg.Connection
) -> bool:
    """Have the worker stopped, by itself at that moment or else from outside at a random one.

    False if there was nothing left for it to write.
    """
    if moment is None:
        scene.wait_for_a_moment(dice, worker, conn)
        worker.send(signal.SIGSTOP)
    assert comes_true(lambda: worker.is_stopped() or not worker.process.is_alive())
    if not worker.is_stopped():
        return False
    # what it had asked for goes on without it
    working = """select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and backend_type = 'client backend' and state = 'active' and wait_event is distinct from 'ClientRead'"""
    assert comes_true(lambda: conn.execute(working).rowcount == 0)
    return conn.execute("select from ingest.import_runs where status = 'processing'").rowcount == 1


def _haunted(seed: int, moments: list[str | None], scene: Scene, new_scene: Callable[[], str]) -> None:
    dice = random.Random(seed)
    for moment in moments:
        sleep_when = None if moment is None else f"{moment}:{1 if moment == 'described' else dice.randint(1, _CHUNKS)}"
        while not _haunts(sleep_when, dice, scene, new_scene()):
            pass


@contextmanager
def _leases_stale(conn: psycopg.Connection) -> Iterator[None]:
    """Let leases age within a second. The run's row is not touched: the sleeping worker may hold it locked."""
    conn.execute("update ingest.settings set stale_after = '1 second'")
    time.sleep(1.1)
    yield
    conn.execute("update ingest.settings set stale_after = '30 minutes'")


def _haunts(sleep_when: str | None, dice: random.Random, scene: Scene, db_url: str) -> bool:
    """Let another worker outrun a sleeping one, and wake it; false if it had nothing left to write."""
    with connect(Database(db_url, embedded=True)) as conn, begun(scene.path, db_url, sleep_when=sleep_when) as zombie:
        if not _falls_asleep(sleep_when, dice, scene, zombie, conn):
            return False
        with _leases_stale(conn):
            successor = imported(scene.path, db_url)
        assert successor.code == Exit.DONE, successor.errors
        scene.assert_whole(conn)

        zombie.send(signal.SIGCONT)
        woken = zombie.ended()
        assert woken.code == Exit.IN_PROGRESS, woken.errors
        scene.assert_whole(conn)
        refusals = conn.execute("""select distinct details -> 'attempt', attempt from ingest.run_events
            where event = 'write_refused'""").fetchall()
        assert refusals == [(1, 2)]
    return True


def test_a_zombie_writes_nothing(scene: Scene, new_scene: Callable[[], str]) -> None:
    """Asleep at a random moment, holding the run or landing: nothing is kept, its refusal is recorded, it ends."""
    _haunted(0, [None, "described", "copying", "copied"], scene, new_scene)


@pytest.mark.faults
@pytest.mark.parametrize("shard", range(1, 11))
def test_200_zombies_write_nothing(shard: int, scene: Scene, new_scene: Callable[[], str]) -> None:
    """200 zombies: 0 of their writes are kept, 200 are refused, and each refusal is recorded."""
    _haunted(shard, [None] * 10 + ["described"] + ["announced", "copying", "copied"] * 3, scene, new_scene)
