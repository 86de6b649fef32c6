"""A zombie: a worker that is stopped, outlived by its lease, and woken when another has done its work."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest
from import_process import MoatProcess, begun, comes_true, imported, make_stale
from import_scene import Scene

from plaintiff_moat.ledger.connect import Database, connect

_ROUNDS_OF_A_SHARD = 20


def _falls_asleep(dice: random.Random, scene: Scene, worker: MoatProcess, conn: psycopg.Connection) -> str | None:
    """Stop the worker at a random moment; return in what, or None if it had nothing left to write."""
    time.sleep(dice.uniform(0, scene.seconds))
    if not worker.send(signal.SIGSTOP):
        return None
    waiting: list[str] = []

    def has_settled() -> bool:
        # what the worker had asked for goes on without it
        waiting[:] = [
            state
            for (state,) in conn.execute("""
                select case when query ilike 'copy%' and state = 'active' then 'copy' else state end
                from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
                    and (state <> 'active' or wait_event = 'ClientRead' or true)
                """)
        ]
        busy = conn.execute("""
            select from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
                and state = 'active' and wait_event is distinct from 'ClientRead'
        """)
        return busy.rowcount == 0

    assert comes_true(has_settled)
    if conn.execute("select from ingest.import_runs where status = 'processing'").rowcount == 0:
        return None
    return next((state for state in ("copy", "idle in transaction") if state in waiting), "between transactions")


def _haunted(seed: int, rounds: int, scene: Scene, new_scene: Callable[[], str]) -> Counter[str]:
    dice = random.Random(seed)
    asleep_in: Counter[str] = Counter()
    while asleep_in.total() < rounds:
        db_url = new_scene()
        with connect(Database(db_url, embedded=True)) as conn, begun(scene.path, db_url) as zombie:
            where = _falls_asleep(dice, scene, zombie, conn)
            if where is None:
                continue
            print(where, flush=True)
            make_stale(conn)
            with begun(scene.path, db_url) as successor:
                done = successor.ended()
            assert (done.code, done.summary["claim_status"]) == (0, "claimed"), done.errors
            scene.assert_whole(conn)
            zombie.send(signal.SIGCONT)
            woken = zombie.ended()
            assert woken.code == 1, woken.errors
            scene.assert_whole(conn)
            refusals = conn.execute("select distinct attempt from ingest.run_events where event = 'write_refused'")
            assert refusals.fetchall() == [(1,)]
            asleep_in[where] += 1
    return asleep_in


def test_a_zombie_writes_nothing(scene: Scene, new_scene: Callable[[], str]) -> None:
    """Three zombies: nothing of theirs is kept, each refusal is recorded, and each ends with 1."""
    _haunted(0, 3, scene, new_scene)


@pytest.mark.faults
@pytest.mark.parametrize("shard", range(1, 11))
def test_200_zombies_write_nothing(
    shard: int, scene: Scene, new_scene: Callable[[], str], record_property: Callable[[str, object], None]
) -> None:
    """200 zombies, stopped at random moments: 0 writes kept, 200 refusals recorded."""
    for where, rounds in _haunted(shard, _ROUNDS_OF_A_SHARD, scene, new_scene).items():
        record_property(where, rounds)
