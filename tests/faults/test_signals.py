"""Ctrl-C and SIGTERM: the lease is given back at once, and the next import goes on where this one stopped."""

import re
import signal
from collections.abc import Callable

import pytest
from import_process import begun, comes_true, imported
from import_scene import Scene

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.ledger.connect import Database, connect


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_gives_its_lease_back(
    number: signal.Signals, scene: Scene, new_scene: Callable[[], str]
) -> None:
    """The run is failed, interrupted; another worker claims it at once and lands only what is missing."""
    db_url = new_scene()
    with connect(Database(db_url, embedded=True)) as conn, begun(scene.path, db_url) as worker:
        landed = """select from ingest.landed_chunks as c inner join ingest.import_runs as r on r.id = c.import_run_id
            where r.source_batch_id = 'simplicity-week2'"""
        assert comes_true(lambda: conn.execute(landed).rowcount > 2)
        assert worker.send(number)
        ended = worker.ended()
        assert ended.code == Exit.FAILED
        assert re.fullmatch(r"\s*moat: interrupted: [^\n]+\n", ended.errors), ended.errors

        unfinished = "select status::text, error_details ->> 'code' from ingest.import_runs where status <> 'completed'"
        assert conn.execute(unfinished).fetchall() == [("failed", "INTERRUPTED")]
        before = conn.execute(landed).rowcount

        again = imported(scene.path, db_url)
        assert again.code == Exit.DONE, again.errors
        assert conn.execute(f"{landed} and c.attempt = 1").rowcount == before
        scene.assert_whole(conn)
