"""The runbook, version 1.0: procedures, monitoring, troubleshooting, deployment and security, in its order."""

import re
import shutil

import psycopg
import pytest

from etl.tests.runbook_steps import NULL, PRINTED_ID, ROOT, Operator, processing, processing_of_another_batch, status_of

_QUERIES = ROOT / "ops" / "queries" / "plaintiff_ingest_moat.sql"
_DB_PUSH = ROOT / "scripts" / "db_push.ps1"
_CLAIM_ANEW = "SELECT * FROM ingest.claim_import_run('simplicity', 'batch-1', 'abc', 'a.csv', 'plaintiff', 'worker-2')"

# Operator procedures


def test_check_recent_activity(operator: Operator, imported: str) -> None:
    """The view of the last 20 runs shows the newest first."""
    rows = operator.psql("-- Last 20 runs\nSELECT * FROM ingest.v_latest_runs;")
    assert rows[0]["id"] == imported
    operator.imports("data/simplicity_export.csv", "simplicity")
    rows = operator.psql("SELECT * FROM ingest.v_latest_runs;")
    assert [row["source_system"] for row in rows] == ["simplicity", "manual"]


def test_investigate_a_failed_import(operator: Operator, imported: str) -> None:
    """Step by step: the run, its error details, and its failed rows with code, message and lines, never in clear."""
    failed = processing(operator)
    operator.psql("SELECT * FROM ingest.reconcile_import_run('<run_id>', 100)", failed)
    (run,) = operator.psql("SELECT * FROM ingest.import_runs\nWHERE id = '<run_id>';", failed)
    assert run["status"] == "failed"
    (details,) = operator.psql("SELECT error_details FROM ingest.import_runs\nWHERE id = '<run_id>';", failed)
    assert '"delta": -100' in details["error_details"]
    rows = operator.psql(
        """
        SELECT * FROM ingest.plaintiffs_raw
        WHERE import_run_id = '<run_id>'
          AND status = 'failed';
        """,
        imported,
    )
    assert [(row["row_number"], row["line_start"]) for row in rows] == [("4", "5"), ("5", "6")]
    assert all(NULL not in (row["error_code"], row["error_message"], row["raw_payload"]) for row in rows)
    assert "N/A" not in rows[1]["error_message"]


def test_rollback_a_bad_import(operator: Operator, imported: str) -> None:
    """The printed rollback affects every record, and the printed verification shows none of them active."""
    answer = operator.psql(
        """
        SELECT * FROM ingest.rollback_import_run(
            '<run_id>',
            'Reason for rollback'
        );
        """,
        imported,
    )
    assert answer == [{"success": "t", "rows_affected": "5"}]
    (verified,) = operator.psql("SELECT * FROM ingest.v_rollback_verification\nWHERE id = '<run_id>';", imported)
    assert (verified["status"], verified["rollback_reason"]) == ("rolled_back", "Reason for rollback")
    assert (verified["rows_rolled_back"], verified["rows_still_active"]) == ("5", "0")
    kept = operator.psql("SELECT DISTINCT status FROM ingest.plaintiffs_raw")
    assert kept == [{"status": "rolled_back"}]


_STALE = """
SELECT *
FROM ingest.import_runs
WHERE status = 'processing'
  AND updated_at < now() - interval '30 minutes';
"""


def test_handle_a_stale_worker(operator: Operator) -> None:
    """A run whose worker was silent for 31 minutes is found by the printed query, and a new worker takes it over."""
    processing(operator)
    assert operator.psql(_STALE) == []
    operator.psql("UPDATE ingest.import_runs SET updated_at = now() - interval '31 minutes'")
    assert [row["id"] for row in operator.psql(_STALE)] == [PRINTED_ID]
    assert operator.psql(_CLAIM_ANEW) == [{"run_id": PRINTED_ID, "claim_status": "claimed"}]
    assert operator.psql(_STALE) == []


def test_reimport_after_rollback(operator: Operator, imported: str) -> None:
    """Once the run is rolled back the same command imports the same file again, as a run of its own."""
    operator.psql("SELECT * FROM ingest.rollback_import_run('<run_id>', 'Reason for rollback')", imported)
    assert (
        operator.shell("python -m etl.src.plaintiff_importer_moat --csv data/plaintiffs.csv --commit").returncode == 0
    )
    runs = operator.psql("SELECT * FROM ingest.v_latest_runs;")
    assert [(run["status"], run["rows_inserted"]) for run in runs] == [("completed", "2"), ("rolled_back", "2")]
    assert runs[0]["id"] != imported


# Monitoring queries

_MONITORING = (
    "Latest Runs",
    "Duplicates Blocked",
    "Reconciliation Failures",
    "Rollback Verification",
    "In-Progress Runs",
    "Failed Runs",
    "Source System Stats",
)


def monitoring_queries() -> dict[str, str]:
    """Return the operator's queries by name, in their order."""
    _, *parts = re.split(r"^-- Query (\d+): (.+)$", _QUERIES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[::3] == [str(number) for number in range(1, len(parts) // 3 + 1)]
    return dict(zip(parts[1::3], parts[2::3], strict=True))


def test_monitoring_queries_are_the_seven() -> None:
    """The file holds the runbook's queries under their names, each with a line that says what to do."""
    queries = monitoring_queries()
    assert tuple(queries) == _MONITORING
    assert all(text.strip().startswith("-- What to do: ") for text in queries.values())


def test_monitoring_queries_run_on_an_empty_database(operator: Operator) -> None:
    """As a whole, in psql, before the first import: seven lines of column names, no row and no error."""
    assert len(operator.psql_file(_QUERIES).splitlines()) == len(_MONITORING)


def test_monitoring_queries_return_true_rows(operator: Operator, imported: str) -> None:
    """After a day with everything in it, each query returns the run that it is about, and the file runs as a whole."""
    assert operator.imports("data/plaintiffs.csv") == imported
    simplicity = operator.imports("data/simplicity_export.csv", "simplicity")
    operator.psql("SELECT * FROM ingest.rollback_import_run('<run_id>', 'wrong file')", simplicity)
    held = processing(operator)
    failed = processing_of_another_batch(operator)
    operator.psql("SELECT * FROM ingest.reconcile_import_run('<run_id>', 100)", failed)
    about = {
        "Latest Runs": {imported, simplicity, held, failed},
        "Duplicates Blocked": {imported},
        "Reconciliation Failures": {failed},
        "Rollback Verification": {simplicity},
        "In-Progress Runs": {held},
        "Failed Runs": {failed},
    }
    queries = monitoring_queries()
    for name, runs in about.items():
        assert {row["id"] for row in operator.psql(queries[name])} == runs, name
    stats = {row["source_system"]: row for row in operator.psql(queries["Source System Stats"])}
    assert (stats["manual"]["completed"], stats["manual"]["rows_inserted"]) == ("1", "2")
    assert (stats["simplicity"]["runs"], stats["simplicity"]["rolled_back"]) == ("3", "1")
    whole = operator.psql_file(_QUERIES)
    assert all(run in whole for run in (imported, simplicity, held, failed))


# Troubleshooting


def test_another_worker_is_processing(operator: Operator) -> None:
    """The printed UPDATE aborts a run by hand: it is claimed again at once, and its former worker is shut out."""
    processing(operator)
    operator.psql(
        """
        UPDATE ingest.import_runs
        SET status = 'failed',
            error_details = '{"manual_abort": true}'::jsonb
        WHERE id = '<run_id>';
        """,
        PRINTED_ID,
    )
    assert status_of(operator, PRINTED_ID) == "failed"
    assert operator.psql(_CLAIM_ANEW) == [{"run_id": PRINTED_ID, "claim_status": "claimed"}]
    with psycopg.connect(operator.url) as former, pytest.raises(psycopg.Error) as refusal:
        former.execute("select ingest.heartbeat_import_run(%s, 'worker-1', 1)", (PRINTED_ID,))
    assert refusal.value.sqlstate == "ML001"
    events = operator.psql("SELECT event FROM ingest.v_run_events WHERE import_run_id = '<run_id>'", PRINTED_ID)
    assert "failed" in [row["event"] for row in events]


def test_reconciliation_failed(operator: Operator, imported: str) -> None:
    """A wrong expectation is invalid and leaves a completed run as it is; a second import has the same keys."""
    (answer,) = operator.psql("SELECT * FROM ingest.reconcile_import_run('<run_id>', 6)", imported)
    assert (answer["is_valid"], answer["delta"]) == ("f", "-1")
    assert status_of(operator, imported) == "completed"
    operator.imports("data/plaintiffs.csv", batch_id="another")
    keys = operator.psql(
        """
        SELECT row_number, count(DISTINCT dedupe_key) AS keys FROM ingest.plaintiffs_raw
        WHERE dedupe_key IS NOT NULL GROUP BY row_number
        """
    )
    assert [row["keys"] for row in keys] == ["1", "1", "1"]
    again = operator.psql("SELECT * FROM ingest.v_latest_runs;")[0]
    assert (again["rows_inserted"], again["rows_skipped"], again["rows_errored"]) == ("0", "3", "2")


# Deployment checklist


def test_rpc_functions_exist(operator: Operator) -> None:
    """The printed query names the five functions, among others."""
    rows = operator.psql(
        """
        SELECT routine_name FROM information_schema.routines
        WHERE routine_schema = 'ingest';
        """
    )
    assert {row["routine_name"] for row in rows} >= {
        "claim_import_run",
        "reconcile_import_run",
        "rollback_import_run",
        "finalize_import_run",
        "heartbeat_import_run",
    }


def push_command(environment: str, *, force: bool = False) -> str:
    """Return the command that db_push.ps1 composes for its parameters, read from the script."""
    script = _DB_PUSH.read_text(encoding="utf-8")
    (listed,) = re.findall(r"^\$arguments = @\((.*)\)$", script, re.MULTILINE)
    (forced,) = re.findall(r"if \(\$Force\) \{\s*\$arguments \+= '(\S+)'\s*\}", script)
    words = [word.strip().strip("'") for word in listed.split(",")]
    words[words.index("$SupabaseEnv.ToLowerInvariant()")] = environment
    return " ".join([*re.findall(r"^& (\w+) @arguments$", script, re.MULTILINE), *words, *([forced] if force else [])])


def test_migrations_are_applied_to_dev(operator: Operator, blank_db_url: str) -> None:
    """What db_push.ps1 calls applies the migrations to the database of SUPABASE_DB_URL_DEV, once."""
    first = operator.shell(push_command("dev"), SUPABASE_DB_URL_DEV=blank_db_url)
    assert first.returncode == 0
    assert "20260115120000_plaintiff_ingest_claim_rpc" in first.stdout
    second = operator.shell(push_command("dev"), SUPABASE_DB_URL_DEV=blank_db_url)
    assert second.returncode == 0
    assert "applied" not in second.stdout


def test_prod_is_asked_for(operator: Operator, blank_db_url: str) -> None:
    """What db_push.ps1 calls touches prod only after a yes, or with -Force; without a URL it is refused."""
    unanswered = operator.shell(f"echo n | {push_command('prod')}", SUPABASE_DB_URL_PROD=blank_db_url)
    assert unanswered.returncode != 0
    assert "applied" not in unanswered.stdout
    forced = operator.shell(push_command("prod", force=True), SUPABASE_DB_URL_PROD=blank_db_url)
    assert (forced.returncode, "applied" in forced.stdout) == (0, True)
    assert operator.shell(push_command("prod", force=True)).returncode == 2


def test_script_passes_its_exit_code_on() -> None:
    """The script's text: two environments and no third, a missing command ends it, its last act is moat's code."""
    script = _DB_PUSH.read_text(encoding="utf-8")
    assert "[ValidateSet('dev', 'prod')]" in script
    assert "$ErrorActionPreference = 'Stop'" in script
    assert script.rstrip().endswith("& moat @arguments\nexit $LASTEXITCODE")
    assert script.isascii()


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not installed: db_push.ps1 was not run")
def test_script_runs(operator: Operator, blank_db_url: str) -> None:
    """`./scripts/db_push.ps1 -SupabaseEnv dev` applies the migrations; any other environment is refused."""
    run = f"pwsh -NoProfile -File {_DB_PUSH} -SupabaseEnv"
    assert operator.shell(f"{run} dev", SUPABASE_DB_URL_DEV=blank_db_url).returncode == 0
    assert operator.shell(f"{run} dev").returncode == 2
    assert operator.shell(f"{run} staging").returncode != 0


# Security notes


def test_importer_role_executes_the_rpc_functions(operator: Operator) -> None:
    """dragonfly_app has execute on all five."""
    rows = operator.psql(
        """
        SELECT DISTINCT routine_name FROM information_schema.routine_privileges
        WHERE routine_schema = 'ingest' AND grantee = 'dragonfly_app' AND routine_name LIKE '%_import_run'
        """
    )
    assert len(rows) == 5


def test_rollbacks_are_soft(operator: Operator, imported: str) -> None:
    """A rollback deletes nothing: every record and every event stays, and the audit trail has one more."""

    def kept() -> dict[str, int]:
        return {table: len(operator.psql(f"SELECT 1 FROM ingest.{table}")) for table in ("landed_rows", "run_events")}

    before = kept()
    operator.psql("SELECT * FROM ingest.rollback_import_run('<run_id>', 'Reason for rollback')", imported)
    assert kept() == {"landed_rows": before["landed_rows"], "run_events": before["run_events"] + 1}
