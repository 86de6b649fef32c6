"""A killed worker: whatever the moment of its death, importing again ends where an undisturbed import ends."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from import_process import begun, imported
from import_scene import Scene

from plaintiff_moat.ledger.connect import Database, connect

_KILLS_OF_A_SHARD = 25
_MOST_KILLS_OF_AN_IMPORT = 5


def _killed(dice: random.Random, scene: Scene, db_url: str) -> str | None:
    """Begin the import and kill it; return in what it was, or None if it had ended by itself."""
    with connect(Database(db_url, embedded=True)) as conn, begun(scene.path, db_url) as worker:
        scene.wait_for_a_moment(dice, worker, conn)
        if not worker.kill():
            return None
        (landed, status) = conn.execute("""
            select (select count(*) from ingest.v_landed_chunks as c where c.import_run_id = r.id), r.status::text
            from (values ('simplicity-week2')) as delivery (batch)
            left join ingest.import_runs as r on r.source_batch_id = delivery.batch
        """).fetchone()
    return {None: "before its claim", "completed": "when all was done"}.get(
        status, "in its landing" if landed else "before its first chunk"
    )


def _survives(seed: int, kills: int, scene: Scene, new_scene: Callable[[], str]) -> Counter[str]:
    """Kill that many workers, a few for each import, and then let it end; return in what they were."""
    dice = random.Random(seed)
    killed_in: Counter[str] = Counter()
    while killed_in.total() < kills:
        db_url = new_scene()
        for _ in range(min(dice.randint(1, _MOST_KILLS_OF_AN_IMPORT), kills - killed_in.total())):
            if where := _killed(dice, scene, db_url):
                killed_in[where] += 1
        ended = imported(scene.path, db_url)
        assert ended.code == 0, ended.errors
        with connect(Database(db_url, embedded=True)) as conn:
            scene.assert_whole(conn)
    return killed_in


def test_killed_imports_end_as_undisturbed_ones(scene: Scene, new_scene: Callable[[], str]) -> None:
    """Five kills at random moments: nothing is lost, doubled or stuck."""
    _survives(0, 5, scene, new_scene)


@pytest.mark.faults
@pytest.mark.parametrize("shard", range(1, 13))
def test_300_killed_imports_end_as_undisturbed_ones(
    shard: int, scene: Scene, new_scene: Callable[[], str], record_property: Callable[[str, object], None]
) -> None:
    """300 kills at random moments: 0 rows lost, 0 doubled, 0 runs stuck."""
    for name, number in _survives(shard, _KILLS_OF_A_SHARD, scene, new_scene).items():
        record_property(name, number)
