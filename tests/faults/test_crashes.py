"""A server that crashes in the midst of an import or a rollback: the acknowledged stands, the rest is done again."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pytest
from durable_server import TEMPLATE, DurableServer, durable_server
from import_process import begun, imported, imported_here, vendor_file
from import_scene import Scene

from plaintiff_moat.ledger.connect import Database, connect

_CRASHES_OF_A_SHARD = 10


@dataclass(frozen=True)
class Crashing:
    """A durable server with `scene`, and with the same after its second file and the undoing of its first."""

    server: DurableServer
    scene: Scene
    undone: Scene
    undoing_seconds: float


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory, scene: Scene) -> Iterator[Crashing]:
    """Prepare the server."""
    folder = tmp_path_factory.mktemp("durable")
    with durable_server(folder / "moat") as server:
        imported_here(vendor_file(folder, "week1.csv"), server.clone(TEMPLATE, "scene"))
        began = time.monotonic()
        imported_here(scene.path, server.clone("scene", "two_files"))
        seconds = time.monotonic() - began
        server.clone("two_files", "undone")
        with server.connected("undone") as conn:
            began = time.monotonic()
            _roll_back_the_first(conn)
            undoing_seconds = time.monotonic() - began
            undone = Scene.of("undone", scene.path, conn, undoing_seconds)
        yield Crashing(server, Scene("scene", scene.path, scene.expected, seconds), undone, undoing_seconds)


def _roll_back_the_first(conn: psycopg.Connection) -> None:
    (run_id,) = conn.execute("select id from ingest.import_runs where source_batch_id = 'simplicity-week1'").fetchone()
    assert conn.execute("select success from ingest.rollback_import_run(%s, 'a test')", (run_id,)).fetchone() == (True,)


def _crashed_import(dice: random.Random, at: Crashing, db_url: str) -> str:
    """Crash the server while an import is at work; what the import cannot do by its own retries, the next one does."""
    with connect(Database(db_url, embedded=True)) as conn, begun(at.scene.path, db_url) as worker:
        at.scene.wait_for_a_moment(dice, worker, conn)
        if not worker.process.is_alive():
            return ""
        at.server.crash(whole=dice.random() < 0.5)
        time.sleep(dice.uniform(0, 0.3))
        at.server.start()
        ended = worker.ended()
    if ended.code == 0:
        return "import, ended by its own retry"
    again = imported(at.scene.path, db_url)
    assert again.code == 0, again.errors
    return "import, ended by the next one"


def _crashed_rollback(dice: random.Random, at: Crashing, db_url: str) -> str:
    """Crash the server while a run is undone, then undo it again."""
    crashed = connect(Database(db_url, embedded=True))

    def undo() -> None:
        with suppress(psycopg.Error), crashed:
            _roll_back_the_first(crashed)

    undoing = threading.Thread(target=undo)
    undoing.start()
    time.sleep(dice.uniform(0, at.undoing_seconds))
    at.server.crash(whole=dice.random() < 0.5)
    at.server.start()
    undoing.join()
    with connect(Database(db_url, embedded=True)) as conn:
        undone = conn.execute("select from ingest.import_runs where status = 'rolled_back'").rowcount
        _roll_back_the_first(conn)
    return "rollback, committed before" if undone else "rollback, done again"


def _survives(seed: int, crashes: int, at: Crashing) -> Counter[str]:
    dice = random.Random(seed)
    survived: Counter[str] = Counter()
    while survived.total() < crashes:
        crash, before, after = (
            (_crashed_import, "scene", at.scene) if dice.random() < 0.7 else (_crashed_rollback, "two_files", at.undone)
        )
        with at.server.cloned(before, "crashed") as db_url:
            what = crash(dice, at, db_url)
            if what:
                with at.server.connected("crashed") as conn:
                    after.assert_whole(conn)
                survived[what] += 1
    return survived


def test_a_crashed_server_loses_nothing(crashing: Crashing) -> None:
    """Two crashes at random moments of imports and rollbacks end as if nothing had happened."""
    _survives(2, 2, crashing)


@pytest.mark.faults
@pytest.mark.parametrize("shard", range(10, 20))
def test_100_crashes_lose_nothing(
    shard: int, crashing: Crashing, record_property: Callable[[str, object], None]
) -> None:
    """100 crashes at random moments of imports and rollbacks end as if nothing had happened."""
    for what, crashes in _survives(shard, _CRASHES_OF_A_SHARD, crashing).items():
        record_property(what, crashes)
