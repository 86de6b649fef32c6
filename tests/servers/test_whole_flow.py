"""Everything that an installation does, on each server: migrated by its owner, used by plain logins."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plaintiff_moat import delivery as deliveries
from plaintiff_moat.errors import RunFailed
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger.migrate import migrations
from tests.servers.clusters import Cluster
from tests.servers.conftest import EXAMPLES, Moat

pytestmark = pytest.mark.matrix

FIRST, SECOND = EXAMPLES / "simplicity_export.csv", EXAMPLES / "simplicity_export_week2.csv"


def _interrupt(step: Progress) -> None:
    if 0 < step.done < step.total:
        raise OSError


@pytest.fixture
def pushed(cluster: Cluster, database: str, moat: Moat) -> str:
    """The database's name, migrated by its owner through the command."""
    url = cluster.tls_url(database)
    planned = moat(url, "db", "push", "--dry-run")
    assert (planned.returncode, planned.stdout.count("would apply")) == (0, len(migrations())), planned
    applied = moat(url, "db", "push")
    assert (applied.returncode, applied.stdout.count("applied")) == (0, len(migrations())), applied
    assert "nothing to apply" in moat(url, "db", "push", "--dry-run").stdout
    return database


def test_owner_is_no_superuser(cluster: Cluster, database: str) -> None:
    """What the matrix shows, it shows for an owner whom permissions bind."""
    with psycopg.connect(cluster.tls_url(database)) as conn:
        assert conn.execute("select current_setting('is_superuser')").fetchone() == ("off",)
        assert conn.info.server_version // 10000 == cluster.version


@pytest.mark.usefixtures("pushed")
def test_the_life_of_two_deliveries(
    cluster: Cluster,
    database: str,
    login: Callable[[str], str],
    moat: Moat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Interrupted, continued, offered again, followed by its week 2, undone for its heirs: the counts as documented."""
    importer, operator = login("dragonfly_app"), login("moat_operator")
    scan = deliveries.scan
    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "scan", partial(scan, chunk_bytes=4_000))
        with pytest.raises(RunFailed):
            import_file(FIRST, importer, source_system="simplicity", workers=1, on_progress=_interrupt)
        resumed = import_file(FIRST, importer, source_system="simplicity")
    assert _counts(asdict(resumed)) == (192, 164, 15, 13)
    again = _import(moat, importer, FIRST)
    assert (again["claim_status"], again["run_id"]) == ("duplicate", str(resumed.run_id))
    second = _import(moat, importer, SECOND)
    assert _counts(second) == (184, 86, 94, 4)

    shown = json.loads(moat(operator, "show", str(resumed.run_id), "--json").stdout)
    assert {"claimed", "failed", "completed", "duplicate_blocked"} <= {e["event"] for e in shown["events"]}
    assert moat(operator, "reconcile", second["run_id"]).returncode == 0
    undone = json.loads(moat(operator, "rollback", str(resumed.run_id), "--reason", "wrong", "--json").stdout)
    assert (undone["success"], undone["rows_affected"]) == (True, 192)
    runs = json.loads(moat(operator, "runs", "--json").stdout)
    assert [(run["status"], run["rows_inserted"]) for run in runs if run["id"] == second["run_id"]] == [
        ("completed", 178)
    ]
    with psycopg.connect(operator) as conn:
        assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (178,)
    healthy = moat(cluster.tls_url(database), "doctor", "--json")
    assert healthy.returncode == 0, healthy.stdout


@pytest.mark.usefixtures("pushed")
def test_logins_have_their_role_and_no_more(login: Callable[[str], str], moat: Moat) -> None:
    """An operator does not import, an importer does not read people, and the refusal names the role to take."""
    refused = moat(login("moat_operator"), "import", str(FIRST), "--commit")
    assert (refused.returncode, "dragonfly_app" in refused.stderr) == (2, True)
    with psycopg.connect(login("dragonfly_app")) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select from ingest.v_plaintiffs")


def _import(moat: Moat, url: str, file: Path) -> dict[str, Any]:
    done = moat(url, "import", str(file), "--source-system", "simplicity", "--commit", "--json")
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def _counts(summary: dict[str, Any]) -> tuple[int, ...]:
    return tuple(summary[name] for name in ("rows_fetched", "rows_inserted", "rows_skipped", "rows_errored"))
