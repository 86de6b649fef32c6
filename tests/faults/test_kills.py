"""A killed worker: whatever the moment of its death, importing again ends where an undisturbed import ends."""

import random
import time
from collections.abc import Callable

import pytest
from conftest import Scene
from import_process import begun, imported, make_stale

from plaintiff_moat.ledger.connect import Database, connect

_KILLS_OF_A_SHARD = 25
_MOST_KILLS_OF_A_ROUND = 5


def _killed_until_done(dice: random.Random, scene: Scene, db_url: str, kills: int) -> int:
    """Begin the import and kill it, this often; then let it end. Return how many kills found a living process."""
    done = 0
    while done < kills:
        with begun(scene.path, db_url) as worker:
            time.sleep(dice.uniform(0, scene.seconds))
            killed = worker.kill()
        with connect(Database(db_url, embedded=True)) as conn:
            make_stale(conn)
        done += killed
        if not killed:
            break
    ended = imported(scene.path, db_url)
    assert ended.code == 0, ended.errors
    return done


def _survives(seed: int, kills: int, scene: Scene, new_scene: Callable[[], str]) -> dict[str, int]:
    dice = random.Random(seed)
    struck = {"rounds": 0, "kills": 0}
    while struck["kills"] < kills:
        db_url = new_scene()
        wanted = min(dice.randint(1, _MOST_KILLS_OF_A_ROUND), kills - struck["kills"])
        struck["kills"] += _killed_until_done(dice, scene, db_url, wanted)
        struck["rounds"] += 1
        with connect(Database(db_url, embedded=True)) as conn:
            scene.assert_whole(conn)
    return struck


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
