"""A ledger with data in it, of every release and of today, is upgraded by a push and works as before.

Each release's snapshot is restored and pushed; and today's schema, with data, is given a next migration, so that what
an upgrade must leave alone is tested before there is anything to upgrade from.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from plaintiff_moat.doctor import examine
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.migrate import foreign, migrations_folder, pending, push
from tests.upgrade.snapshot import (
    INTERRUPTED,
    RELEASES,
    WEEK_1,
    WEEK_2,
    dump,
    interrupted_delivery,
    populate,
    restore,
    small_chunks,
)

_TODAY = "today"
_NEXT = """
-- What a next version may do: widen a table that is full, and look at it through a new view.
alter table ingest.import_runs add column reviewed_by text;
create view ingest.v_unreviewed as select id from ingest.import_runs where reviewed_by is null;
alter view ingest.v_unreviewed owner to moat_owner;
"""
# what was recorded and what readers see
_KEPT = (
    "select id, status::text, attempt, rows_inserted, rows_skipped, rows_errored from ingest.v_runs order by 1",
    "select import_run_id, seq, event, details::text, hash from ingest.v_run_events order by 1, 2",
    "select dedupe_key, import_run_id, row_number, plaintiff_name, judgment_amount from ingest.v_plaintiffs order by 1",
    "select import_run_id, row_number, status::text, error_code from ingest.plaintiffs_raw order by 1, 2",
)


@pytest.fixture(params=[_TODAY, *sorted(path.stem for path in RELEASES.glob("*.sql"))])
def older(request: pytest.FixtureRequest, blank_db_url: str, db_url: str, template: str, tmp_path: Path) -> Database:
    """A database as that release left it, restored from its snapshot; `template` made the roles."""
    snapshot = RELEASES / f"{request.param}.sql"
    if request.param == _TODAY:
        snapshot = tmp_path / "today.sql"
        populate(Database(db_url, embedded=True), tmp_path)
        dump(db_url, snapshot)
    assert template
    restore(snapshot, blank_db_url)
    return Database(blank_db_url, embedded=True)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder with the migrations of today and one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), folder)
    (folder / "99990101000000_next.sql").write_text(_NEXT, encoding="utf-8")
    return folder


def _kept(conn: psycopg.Connection) -> list[object]:
    return [conn.execute(query.encode()).fetchall() for query in _KEPT]


def test_an_upgrade_keeps_everything_and_everything_goes_on(
    older: Database, newer: Path, tmp_path: Path, csv_file: Callable[..., Path]
) -> None:
    """Runs, history, active set and outcomes are what they were; duplicates, half-landed and new files go on."""
    with connect(older) as conn:
        before = _kept(conn)
        assert [len(rows) > 0 for rows in before] == [True] * 4
        applied = push(conn, newer)
        assert applied[-1].version == "99990101000000"
        assert (pending(conn, newer), foreign(conn, newer)) == ([], [])
        assert _kept(conn) == before
        assert conn.execute("select count(*) from ingest.v_unreviewed").fetchone() == (len(before[0]),)

        week_1 = import_file(WEEK_1, older, source_system="simplicity")
        assert (week_1.claim_status, import_file(WEEK_2, older, source_system="simplicity").claim_status) == (
            "duplicate",
            "duplicate",
        )
        with small_chunks():
            resumed = import_file(interrupted_delivery(tmp_path), older, source_system=INTERRUPTED)
        assert (resumed.status, resumed.rows_inserted) == ("completed", 60)
        landed_before = "select count(*) from ingest.landed_chunks where import_run_id = %s and attempt = 1"
        assert conn.execute(landed_before, [resumed.run_id]).fetchone() > (0,)
        assert import_file(csv_file("new.csv", ["Ada", "Grace"]), older).rows_inserted == 2
        conn.execute("select ingest.rollback_import_run(%s, 'wrong file')", [week_1.run_id])
        heirs = "select count(*) from ingest.v_plaintiffs where source_system = 'simplicity'"
        assert conn.execute(heirs).fetchone() == (178,)
    assert {
        finding.check for finding in examine(Database(older.url, embedded=False)) if finding.level == "problem"
    } == set()
