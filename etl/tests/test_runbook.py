"""The runbook, version 1.0: functions, Python, command line and log redaction, every snippet as printed.

SQL runs in psql, commands in a shell, Python in a process of its own. Where the runbook says `<run_id>`, a run's id is
put; nothing else of a snippet is changed. The operator's half is in test_runbook_operations.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from etl.tests.runbook_steps import PRINTED_ID, ROOT, Operator, processing, status_of


@pytest.mark.parametrize(
    "path",
    [
        "supabase/migrations/20260115120000_plaintiff_ingest_claim_rpc.sql",
        "etl/src/ingest_claim.py",
        "etl/src/plaintiff_importer_moat.py",
        "etl/src/log_redactor.py",
        "ops/queries/plaintiff_ingest_moat.sql",
        "scripts/db_push.ps1",
        "etl/tests/test_log_redactor.py",
    ],
)
def test_components_stand_where_the_runbook_says(path: str) -> None:
    """Every file that the runbook names is there."""
    assert (ROOT / path).is_file()


# RPC functions

_CLAIM = """
SELECT * FROM ingest.claim_import_run(
    'simplicity',           -- source_system
    'batch-2026-01-15',     -- source_batch_id
    'abc123def456...',      -- file_hash (SHA-256)
    'plaintiffs.csv',       -- filename
    'plaintiff',            -- import_kind
    'worker-1'              -- worker_id
);
"""


def test_claim(operator: Operator) -> None:
    """The printed claim returns (run_id uuid, claim_status text): claimed, then in_progress, then duplicate."""
    assert operator.shape(_CLAIM) == [("run_id", "uuid"), ("claim_status", "text")]
    (first,) = operator.psql(_CLAIM)
    assert first["claim_status"] == "claimed"
    as_another = _CLAIM.replace("worker-1", "worker-2")
    assert operator.psql(as_another) == [{"run_id": first["run_id"], "claim_status": "in_progress"}]
    operator.psql("SELECT ingest.finalize_import_run('<run_id>', 100, 98, 1, 1)", first["run_id"])
    assert operator.psql(as_another) == [{"run_id": first["run_id"], "claim_status": "duplicate"}]


_RECONCILE = """
SELECT * FROM ingest.reconcile_import_run(
    '123e4567-e89b-12d3-a456-426614174000',  -- run_id
    100                                       -- expected_count (optional)
);
"""


def test_reconcile(operator: Operator) -> None:
    """The printed call returns (is_valid, expected_count, actual_count, delta) and fails a run that lacks records."""
    processing(operator)
    assert operator.shape(_RECONCILE) == [
        ("is_valid", "boolean"),
        ("expected_count", "integer"),
        ("actual_count", "integer"),
        ("delta", "integer"),
    ]
    assert operator.psql(_RECONCILE) == [
        {"is_valid": "f", "expected_count": "100", "actual_count": "0", "delta": "-100"}
    ]
    assert status_of(operator, PRINTED_ID) == "failed"


def test_reconcile_without_an_expected_count(operator: Operator, imported: str) -> None:
    """The expected count is optional: what was imported verifies."""
    answer = operator.psql("SELECT * FROM ingest.reconcile_import_run('<run_id>')", imported)
    assert answer == [{"is_valid": "t", "expected_count": "5", "actual_count": "5", "delta": "0"}]


_ROLLBACK = """
SELECT * FROM ingest.rollback_import_run(
    '123e4567-e89b-12d3-a456-426614174000',  -- run_id
    'Data quality issue discovered'           -- reason
);
"""


def test_rollback(operator: Operator) -> None:
    """The printed call returns (success, rows_affected); a run that does not exist is no success."""
    assert operator.shape(_ROLLBACK) == [("success", "boolean"), ("rows_affected", "integer")]
    assert operator.psql(_ROLLBACK) == [{"success": "f", "rows_affected": "0"}]
    processing(operator)
    assert operator.psql(_ROLLBACK) == [{"success": "t", "rows_affected": "0"}]
    assert status_of(operator, PRINTED_ID) == "rolled_back"


_FINALIZE = """
SELECT ingest.finalize_import_run(
    run_id,
    rows_fetched,
    rows_inserted,
    rows_skipped,
    rows_errored,
    error_details,      -- jsonb (set {"fatal": true} for failures)
    mark_completed      -- boolean
)
"""


@pytest.mark.parametrize(
    ("error_details", "mark_completed", "status"),
    [
        ("NULL", "true", "completed"),
        ("""'{"fatal": false}'""", "true", "completed"),
        ("""'{"fatal": true}'""", "true", "failed"),
        ("NULL", "false", "processing"),
    ],
)
def test_finalize(operator: Operator, error_details: str, mark_completed: str, status: str) -> None:
    """The printed call records the counts; `"fatal": true` fails the run, mark_completed = false leaves it open."""
    processing(operator)
    arguments = f"""
        FROM (VALUES ('{PRINTED_ID}'::uuid, 100, 97, 2, 1, {error_details}::jsonb, {mark_completed}))
        AS given (run_id, rows_fetched, rows_inserted, rows_skipped, rows_errored, error_details, mark_completed)
    """
    assert operator.psql(_FINALIZE + arguments) == [{"finalize_import_run": status}]
    (run,) = operator.psql(f"SELECT * FROM ingest.import_runs WHERE id = '{PRINTED_ID}'")
    counts = [run[name] for name in ("rows_fetched", "rows_inserted", "rows_skipped", "rows_errored")]
    assert (run["status"], counts) == (status, ["100", "97", "2", "1"])


_HEARTBEAT = "SELECT ingest.heartbeat_import_run('123e4567-e89b-12d3-a456-426614174000');"


def test_heartbeat(operator: Operator) -> None:
    """The printed call is a sign of life of a run in progress, and false for any other."""
    assert operator.psql(_HEARTBEAT) == [{"heartbeat_import_run": "f"}]
    processing(operator)
    age = "SELECT (now() - updated_at < interval '1 minute') AS young FROM ingest.import_runs"
    operator.psql("UPDATE ingest.import_runs SET updated_at = now() - interval '31 minutes'")
    assert operator.psql(_HEARTBEAT) == [{"heartbeat_import_run": "t"}]
    assert operator.psql(age) == [{"young": "t"}]


# Python usage

_SAMPLE = """
from etl.src.ingest_claim import IngestClaimClient, compute_file_hash, ClaimStatus
import psycopg

with psycopg.connect(dsn) as conn:
    client = IngestClaimClient(conn)

    # 1. Claim the batch
    file_hash = compute_file_hash("plaintiffs.csv")
    claim = client.claim(
        source_system="simplicity",
        source_batch_id="batch-2026-01-15",
        file_hash=file_hash,
        filename="plaintiffs.csv",
    )

    if claim.is_duplicate:
        print("Already imported")
        sys.exit(0)

    if claim.is_in_progress:
        print("Another worker processing")
        sys.exit(1)

    # 2. Process the file
    try:
        rows_inserted = process_csv(...)

        # 3. Finalize with counts
        client.finalize(
            run_id=claim.run_id,
            rows_fetched=100,
            rows_inserted=rows_inserted,
            rows_skipped=0,
            rows_errored=0,
        )
    except Exception as e:
        client.finalize(
            run_id=claim.run_id,
            rows_fetched=0,
            rows_inserted=0,
            rows_skipped=0,
            rows_errored=1,
            error_details={"fatal": True, "message": str(e)},
        )
        raise
"""

_WORKS = "def process_csv(_): return 100"
_BREAKS = "def process_csv(_): raise ValueError('line 7: SSN 123-45-6789 is no name')"
_WAITS = "def process_csv(_): print('processing', flush=True); sys.stdin.read(); return 100"


def python(operator: Operator, process_csv: str) -> list[str]:
    """Return the command that runs the printed sample, with the user's own part supplied."""
    supplied = f"import sys\ndsn = {operator.url!r}\n{process_csv}\n"
    return [sys.executable, "-W", "error", "-c", supplied + _SAMPLE]


def run_sample(operator: Operator, process_csv: str) -> subprocess.CompletedProcess[str]:
    """Run the printed sample to its end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        python(operator, process_csv), cwd=operator.folder, env=environment, capture_output=True, text=True, check=False
    )


def test_python_sample(operator: Operator) -> None:
    """As printed: the first run imports, the second says `Already imported` and exits 0."""
    first = run_sample(operator, _WORKS)
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    (run,) = operator.psql("SELECT * FROM ingest.v_latest_runs;")
    assert (run["status"], run["rows_inserted"], run["filename"]) == ("completed", "100", "plaintiffs.csv")
    second = run_sample(operator, _WORKS)
    assert (second.returncode, second.stdout) == (0, "Already imported\n")


def test_python_sample_in_two_processes(operator: Operator) -> None:
    """While one process works, the other says `Another worker processing` and exits 1; the first then completes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        python(operator, _WAITS),
        cwd=operator.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as working:
        assert working.stdout is not None
        assert working.stdout.readline() == "processing\n"
        other = run_sample(operator, _WORKS)
        assert (other.returncode, other.stdout) == (1, "Another worker processing\n")
        working.communicate("")
    assert working.returncode == 0
    assert operator.psql("SELECT status FROM ingest.import_runs") == [{"status": "completed"}]


def test_python_sample_that_fails(operator: Operator) -> None:
    """An exception fails the run with its message, redacted, and is raised on; the next attempt completes."""
    failed = run_sample(operator, _BREAKS)
    assert failed.returncode == 1
    (run,) = operator.psql("SELECT status, error_details::text FROM ingest.import_runs")
    assert run["status"] == "failed"
    assert "line 7" in run["error_details"]
    assert "123-45" not in run["error_details"]
    assert run_sample(operator, _WORKS).returncode == 0
    assert operator.psql("SELECT status, attempt FROM ingest.import_runs") == [{"status": "completed", "attempt": "2"}]


# CLI usage

_DRY_RUN = "python -m etl.src.plaintiff_importer_moat --csv data/plaintiffs.csv"
_COMMIT = "python -m etl.src.plaintiff_importer_moat --csv data/plaintiffs.csv --commit"
_EXPLICIT = r"""
python -m etl.src.plaintiff_importer_moat \
    --csv data/simplicity_export.csv \
    --source-system simplicity \
    --commit
"""


def test_dry_run_is_the_default_and_writes_nothing(operator: Operator) -> None:
    """Without --commit the command says that it is a dry run, shows what would be, and leaves no run and no event."""
    done = operator.shell(_DRY_RUN)
    assert done.returncode == 0
    assert "dry run" in done.stdout
    for table in ("import_runs", "run_events", "landed_rows"):
        assert operator.psql(f"SELECT * FROM ingest.{table}") == []


def test_commit_imports_once(operator: Operator) -> None:
    """With --commit the file is in: two plaintiffs, one record skipped, two failed; again, it is a duplicate."""
    assert operator.shell(_COMMIT).returncode == 0
    (run,) = operator.psql("SELECT * FROM ingest.v_latest_runs;")
    counts = [run[name] for name in ("rows_fetched", "rows_inserted", "rows_skipped", "rows_errored")]
    assert (run["status"], run["source_system"], counts) == ("completed", "manual", ["5", "2", "1", "2"])
    again = operator.shell(_COMMIT)
    assert again.returncode == 0
    assert "duplicate" in again.stdout
    names = operator.psql("SELECT plaintiff_name FROM ingest.v_plaintiffs ORDER BY 1")
    assert [row["plaintiff_name"] for row in names] == ["Ada Byron", "Grace Hopper"]


def test_commit_with_an_explicit_source_system(operator: Operator) -> None:
    """The printed command imports under the source system that it names."""
    assert operator.shell(_EXPLICIT).returncode == 0
    (run,) = operator.psql("SELECT * FROM ingest.v_latest_runs;")
    assert (run["source_system"], run["filename"], run["status"]) == (
        "simplicity",
        "simplicity_export.csv",
        "completed",
    )


def test_file_that_another_worker_has(operator: Operator, imported: str) -> None:
    """While another worker holds the delivery, the command exits with 1 and changes nothing."""
    operator.psql("SELECT * FROM ingest.rollback_import_run('<run_id>', 'to be imported again')", imported)
    (run,) = operator.psql("SELECT * FROM ingest.import_runs")
    operator.psql(
        f"""SELECT * FROM ingest.claim_import_run(
            'manual', '{run["source_batch_id"]}', '{run["file_hash"]}', 'plaintiffs.csv', 'plaintiff', 'worker-1')"""
    )
    refused = operator.shell(_COMMIT)
    assert refused.returncode == 1
    assert "another worker" in refused.stdout
    assert operator.psql("SELECT * FROM ingest.v_plaintiffs") == []


# Log redaction

_LOGGING = """
from etl.src.log_redactor import SafeLogger, redact
import logging

# Wrap your logger
logger = SafeLogger(logging.getLogger(__name__))

# SSN is redacted
logger.info("Processing SSN 123-45-6789")
# Logged as: "Processing SSN [SSN_REDACTED]"

# Card is redacted
logger.info("Card: 4111-1111-1111-1111")
# Logged as: "Card: [CARD_REDACTED]"
"""


def test_log_redaction(tmp_path: Path) -> None:
    """The printed sample logs exactly what its comments say."""
    supplied = "import logging\nlogging.basicConfig(level=logging.INFO, format='%(message)s')\n"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", supplied + _LOGGING],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines() == re.findall(r'# Logged as: "(.*)"', _LOGGING)
