"""The runbook, version 1.0, from its first page to its last: every snippet as printed, through the documented paths.

SQL runs in psql, commands in a shell, Python in a process of its own. Where the runbook says `<run_id>`, a run's id is
put; nothing else of a snippet is changed.
"""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.binaries import psql_binary
from plaintiff_moat.ledger.connect import Database

_ROOT = Path(__file__).resolve().parents[2]
_QUERIES = _ROOT / "ops" / "queries" / "plaintiff_ingest_moat.sql"
_DB_PUSH = _ROOT / "scripts" / "db_push.ps1"
_NULL = "(null)"
_PRINTED_ID = "123e4567-e89b-12d3-a456-426614174000"

_CSV = """\
Plaintiff Name,Contact Email,Index Number,Judgment Amount,Judgment Date
Ada Byron,ada@example.com,2025-001,"$1,200.50",2025-03-01
Grace Hopper,grace@example.com,2025-002,300,03/02/2025
Grace Hopper,GRACE@example.com,2025-002,300,03/02/2025
,nobody@example.com,2025-003,10,2025-03-03
Mary Shelley,mary@example.com,2025-004,N/A,2025-03-04
"""

Row = dict[str, str]


@dataclass(frozen=True)
class Operator:
    """Somebody with the runbook in hand, a shell, and psql on the database."""

    url: str
    folder: Path

    def psql(self, script: str, run_id: str = "") -> list[Row]:
        """Run a snippet in psql and return the rows of its last answer, every value as text."""
        return _rows(self._psql("--csv", "-c", script.replace("<run_id>", run_id)))

    def psql_file(self, path: Path) -> str:
        """Run a file of queries as a whole; the first error ends it."""
        return self._psql("--csv", "-f", str(path))

    def shape(self, query: str) -> list[tuple[str, str]]:
        """Return what psql says of a query's columns: names and types."""
        described = self._psql("--csv", "-f", "-", stdin=query.strip().rstrip(";") + r" \gdesc")
        return [(row["Column"], row["Type"]) for row in _rows(described)]

    def shell(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command as printed, with this project on the path and the database configured."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(_ROOT), "MOAT_DATABASE_URL": self.url} | variables
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def imports(self, file: str, source_system: str = "manual", batch_id: str | None = None) -> str:
        """Import a file as the command does, without the command, and return its run."""
        database = Database(self.url, embedded=True)
        return str(import_file(self.folder / file, database, source_system=source_system, batch_id=batch_id).run_id)

    def _psql(self, *arguments: str, stdin: str = "") -> str:
        command = [str(psql_binary()), "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-P", f"null={_NULL}"]
        command += ["-d", self.url, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


def _rows(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def operator(db_url: str, tmp_path: Path) -> Operator:
    """Return an operator whose folder has the files that the runbook's commands name."""
    (tmp_path / "data").mkdir()
    for name in ("data/plaintiffs.csv", "data/simplicity_export.csv", "plaintiffs.csv"):
        (tmp_path / name).write_text(_CSV, encoding="utf-8")
    return Operator(db_url, tmp_path)


@pytest.fixture
def imported(operator: Operator) -> str:
    """Import the runbook's file and return its run."""
    return operator.imports("data/plaintiffs.csv")


def processing(operator: Operator, run_id: str = _PRINTED_ID) -> str:
    """Make a run of this id that worker-1 has claimed."""
    operator.psql(
        f"""
        INSERT INTO ingest.import_runs (id, source_system, source_batch_id, file_hash)
        VALUES ('{run_id}', 'simplicity', 'batch-1', 'abc');
        SELECT * FROM ingest.claim_import_run('simplicity', 'batch-1', 'abc', 'a.csv', 'plaintiff', 'worker-1');
        """
    )
    return run_id


def status_of(operator: Operator, run_id: str) -> str:
    """Return the run's status."""
    return operator.psql("SELECT status FROM ingest.import_runs WHERE id = '<run_id>'", run_id)[0]["status"]


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
    assert (_ROOT / path).is_file()


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
    """The printed claim returns (run_id uuid, claim_status text): claimed, then in_progress to others, then duplicate."""
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
    assert status_of(operator, _PRINTED_ID) == "failed"


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
    assert status_of(operator, _PRINTED_ID) == "rolled_back"


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
        FROM (VALUES ('{_PRINTED_ID}'::uuid, 100, 97, 2, 1, {error_details}::jsonb, {mark_completed}))
        AS given (run_id, rows_fetched, rows_inserted, rows_skipped, rows_errored, error_details, mark_completed)
    """
    assert operator.psql(_FINALIZE + arguments) == [{"finalize_import_run": status}]
    (run,) = operator.psql(f"SELECT * FROM ingest.import_runs WHERE id = '{_PRINTED_ID}'")
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
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
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
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
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
    """An exception fails the run with its message, redacted, and is raised on; the next attempt is claimed and completes."""
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
    """With --commit the file is in: two plaintiffs, one record skipped, two failed; again, it is a duplicate with exit 0."""
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
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", supplied + _LOGGING],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines() == re.findall(r'# Logged as: "(.*)"', _LOGGING)


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
    assert all(_NULL not in (row["error_code"], row["error_message"], row["raw_payload"]) for row in rows)
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
    assert [row["id"] for row in operator.psql(_STALE)] == [_PRINTED_ID]
    claim = "SELECT * FROM ingest.claim_import_run('simplicity', 'batch-1', 'abc', 'a.csv', 'plaintiff', 'worker-2')"
    assert operator.psql(claim) == [{"run_id": _PRINTED_ID, "claim_status": "claimed"}]
    assert operator.psql(_STALE) == []


def test_reimport_after_rollback(operator: Operator, imported: str) -> None:
    """Once the run is rolled back the same command imports the same file again, as a run of its own."""
    operator.psql("SELECT * FROM ingest.rollback_import_run('<run_id>', 'Reason for rollback')", imported)
    assert operator.shell(_COMMIT).returncode == 0
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


def processing_of_another_batch(operator: Operator) -> str:
    """Claim one more batch and return its run."""
    claim = "SELECT * FROM ingest.claim_import_run('simplicity', 'batch-2', 'def', 'b.csv', 'plaintiff', 'worker-1')"
    return operator.psql(claim)[0]["run_id"]


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
        _PRINTED_ID,
    )
    assert status_of(operator, _PRINTED_ID) == "failed"
    claim = "SELECT * FROM ingest.claim_import_run('simplicity', 'batch-1', 'abc', 'a.csv', 'plaintiff', 'worker-2')"
    assert operator.psql(claim) == [{"run_id": _PRINTED_ID, "claim_status": "claimed"}]
    with psycopg.connect(operator.url) as former, pytest.raises(psycopg.Error) as refusal:
        former.execute("select ingest.heartbeat_import_run(%s, 'worker-1', 1)", (_PRINTED_ID,))
    assert refusal.value.sqlstate == "ML001"
    events = operator.psql("SELECT event FROM ingest.v_run_events WHERE import_run_id = '<run_id>'", _PRINTED_ID)
    assert "failed" in [row["event"] for row in events]


def test_reconciliation_failed(operator: Operator, imported: str) -> None:
    """A wrong expectation gives is_valid = false and leaves a completed run as it is; a second import has the same keys."""
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
    """The script's text: two environments and no third, a command that is missing ends it, its last act is moat's code."""
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
