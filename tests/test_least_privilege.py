"""The whole work of an importer and of an operator, each as a login that is a member of its one group role."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from import_steps import active, counts
from psycopg import sql

from plaintiff_moat.cli.main import moat
from plaintiff_moat.errors import NotPermitted
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.preview import preview_file

LoginOf = Callable[[str], Database]


@pytest.fixture
def login_of(conn: psycopg.Connection, db_url: str) -> Iterator[LoginOf]:
    """Makes a login that is a member of this group role and has nothing else."""
    with ExitStack() as clean_up:

        def create(group: str) -> Database:
            name = f"{group}_{conn.info.dbname}"
            role = sql.Identifier(name)
            conn.execute(sql.SQL("create role {} login in role {}").format(role, sql.Identifier(group)))
            clean_up.callback(conn.execute, sql.SQL("drop role {}").format(role))
            return Database(db_url.replace("user=postgres", f"user={name}"), embedded=False)

        yield create


@pytest.mark.usefixtures("small_chunks")
def test_an_importer_needs_no_more_than_its_role(
    conn: psycopg.Connection, login_of: LoginOf, csv_file: Callable[..., Path]
) -> None:
    """Preview, interrupted import, resumption, duplicate, failure and rollback, all as a member of dragonfly_app."""
    importer = login_of("dragonfly_app")
    path = csv_file("a.csv", [f"P{number:03}" for number in range(40)])
    assert counts(preview_file(path, importer)) == (40, 40, 0, 0)

    def interrupt(step: Progress) -> None:
        if step.done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, importer, workers=1, on_progress=interrupt)
    resumed = import_file(path, importer)
    assert (resumed.claim_status, counts(resumed)) == ("claimed", (40, 40, 0, 0))
    assert import_file(path, importer).claim_status == "duplicate"
    with connect(importer) as connection:
        assert IngestClaimClient(connection).rollback(resumed.run_id, "wrong file").success
    assert active(conn) == set()
    actors = conn.execute("select distinct actor from ingest.run_events").fetchall()
    assert actors == [(f"dragonfly_app_{conn.info.dbname}",)]


def test_an_operator_needs_no_more_than_its_role(
    conn: psycopg.Connection, database: Database, login_of: LoginOf, csv_file: Callable[..., Path]
) -> None:
    """List, show, reconcile and roll back work for a member of moat_operator; an import is refused with a remedy."""
    path = csv_file("a.csv", ["Ada", "Ben"])
    run_id = str(import_file(path, database).run_id)
    operator = login_of("moat_operator")

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(moat, [*arguments, "--db", operator.url], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert [run["id"] for run in json.loads(said("runs", "--json"))] == [run_id]
    assert json.loads(said("show", run_id, "--json"))["status"] == "completed"
    assert json.loads(said("reconcile", run_id, "--json"))["is_valid"] is True
    assert json.loads(said("rollback", run_id, "--reason", "bad", "--json"))["rows_affected"] == 2
    with pytest.raises(NotPermitted, match="dragonfly_app to import"):
        import_file(path, operator)
    assert active(conn) == set()


def test_rejects_come_back_by_an_operator_and_an_importer(
    conn: psycopg.Connection, login_of: LoginOf, csv_file: Callable[..., Path], tmp_path: Path
) -> None:
    """One exports them, the other imports them, and either sees how many are fixed; the importer sees no cell."""
    operator, importer = login_of("moat_operator"), login_of("dragonfly_app")
    path = csv_file("a.csv", ["Ada"], "Ben,b@example.com,CV-Ben,n/a,2024-05-01,")
    run_id = str(import_file(path, importer).run_id)

    def said(database: Database, *arguments: str) -> str:
        result = CliRunner().invoke(moat, [*arguments, "--db", database.url], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    fixed = tmp_path / "fixed.csv"
    said(operator, "rejects", run_id, "-o", str(fixed))
    with pytest.raises(NotPermitted):
        said(importer, "rejects", run_id)
    fixed.write_text(fixed.read_text(encoding="utf-8").replace("n/a", "5.00"), encoding="utf-8")
    assert preview_file(fixed, importer, replays=run_id).rows_inserted == 1
    assert import_file(fixed, importer, replays=run_id).rows_inserted == 1
    for database in (operator, importer):
        assert json.loads(said(database, "show", run_id, "--json"))["rejects_fixed"] == 1
    assert "1 reject, 0 outstanding" in said(operator, "show", run_id, "--rejects")
    assert active(conn) == {"Ada", "Ben"}
