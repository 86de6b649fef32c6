"""What `moat doctor` looks at, what it calls a problem, and that it changes nothing."""

import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from ledger_steps import Connection, claim, imported, land, make_stale, processing, rollback, unchanged
from psycopg import sql

from plaintiff_moat.doctor import Finding, examine
from plaintiff_moat.ledger.connect import Database


def looked_at(url: str) -> dict[str, Finding]:
    """Every finding by the name of its check."""
    return {finding.check: finding for finding in examine(Database(url, embedded=False))}


def doctor(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, as a process of its own."""
    command = [sys.executable, "-m", "plaintiff_moat", "doctor", *options]
    environment = os.environ | {"MOAT_DATABASE_URL": url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_healthy_ledger_has_no_problem(conn: Connection, db_url: str) -> None:
    """Completed, undone, failed and running runs are all well; nothing is written; the exit code is 0."""
    imported(conn, "a", ["Ada", "Grace"])
    rollback(conn, imported(conn, "b", ["Ada"]))
    land(conn, claim(conn, "c", expected=2), ["Mary"])
    with unchanged(conn):
        found = looked_at(db_url)
    assert [finding for finding in found.values() if finding.level == "problem"] == []
    assert list(found) == [
        "connection", "server", "encryption", "pooler", "clock", "disk", "roles", "migrations", "runs", "guards",
        "events",
    ]  # fmt: skip
    assert (found["events"].level, found["migrations"].level) == ("ok", "ok")
    done = doctor(db_url, "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, report["healthy"], len(report["findings"])) == (0, True, 11)


def test_a_stale_run_is_a_problem_with_its_advice(conn: Connection, db_url: str) -> None:
    """A run whose worker fell silent is named with what to do, and the exit code is 1."""
    held = processing(conn, "a", ["Ada"])
    make_stale(conn, held.run_id)
    done = doctor(db_url)
    assert done.returncode == 1
    assert f"1 held by workers without a sign of life, the first {str(held.run_id)[:8]} of simplicity" in done.stdout
    assert "import the file again" in done.stdout


@pytest.mark.parametrize(
    "tampering",
    [
        "update ingest.run_events set details = '{{}}' where import_run_id = '{0}' and event = 'completed'",
        "update ingest.run_events set at = at + interval '1 second' where import_run_id = '{0}' and seq = 2",
        "delete from ingest.run_events where import_run_id = '{0}' and seq = 2",
        "delete from ingest.run_events where import_run_id = '{0}' and seq = 1",
        "delete from ingest.run_events where import_run_id = '{0}' and seq = (select max(seq) from ingest.run_events)",
        "delete from ingest.run_events where import_run_id = '{0}'",
        "delete from ingest.event_heads where import_run_id = '{0}'",
    ],
)
def test_a_chain_that_was_tampered_with_is_a_problem(conn: Connection, db_url: str, tampering: str) -> None:
    """An event changed or gone at any place of the chain is found, and the run that it belonged to is named."""
    sound, run_id = imported(conn, "a", ["Ada"]), imported(conn, "b", ["Grace"])
    conn.execute("alter table ingest.run_events disable trigger run_events_append_only")
    conn.execute(tampering.format(run_id).encode())
    found = looked_at(db_url)
    assert (found["guards"].level, "run_events_append_only" in found["guards"].found) == ("problem", True)
    assert (found["events"].level, str(run_id) in found["events"].found) == ("problem", True)
    assert str(sound) not in found["events"].found


def test_what_is_missing_is_said_once(conn: Connection, blank_db_url: str, db_url: str) -> None:
    """An empty database lacks migrations and nothing else is said; a foreign migration is a note."""
    *_, last = examine(Database(blank_db_url, embedded=False))
    assert (last.check, last.level, "moat db push" in last.found) == ("migrations", "problem", True)
    conn.execute("insert into supabase_migrations.schema_migrations (version) values ('20990101000000')")
    found = looked_at(db_url)["migrations"]
    assert (found.level, "the last 20990101000000" in found.found) == ("note", True)


@pytest.mark.parametrize(("role", "level"), [(None, "problem"), ("dragonfly_app", "ok"), ("moat_operator", "ok")])
def test_a_user_is_told_which_rights_it_has(conn: Connection, db_url: str, role: str | None, level: str) -> None:
    """A login without any of the roles is a problem, members of one are well; what they may not see is a note."""
    name = f"login_{conn.info.dbname}"
    conn.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
    if role is not None:
        conn.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(name)))
    url = psycopg.conninfo.make_conninfo(db_url, user=name)
    found = looked_at(url)
    conn.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
    assert found["roles"].level == level
    if role is not None:
        assert {finding.level for finding in found.values()} == {"ok", "note"}


def test_a_read_only_server_is_a_problem(conn: Connection, db_url: str) -> None:
    """A standby, or a database set read-only, takes no imports."""
    name = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(name))
    assert looked_at(db_url)["server"].level == "problem"


def test_without_a_connection_nothing_else_is_looked_at() -> None:
    """An unreachable server exits 2 like every command; an embedded database that is not there yet is well."""
    done = doctor("postgresql://clerk:s3cr3t@127.0.0.1:1/claims", "--json")
    findings = json.loads(done.stdout)["findings"]
    assert (done.returncode, [finding["check"] for finding in findings]) == (2, ["connection"])
    assert "s3cr3t" not in done.stdout + done.stderr
    assert [finding.level for finding in examine(None)] == ["ok"]
