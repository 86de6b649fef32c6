"""Somebody with the runbook in hand: what is printed there, run where it would be run."""

import csv
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.embedded import psql_binary

__all__ = [
    "NULL",
    "PRINTED_ID",
    "ROOT",
    "Operator",
    "Row",
    "processing",
    "processing_of_another_batch",
    "rows_of",
    "status_of",
]

ROOT = Path(__file__).resolve().parents[2]
PRINTED_ID = "123e4567-e89b-12d3-a456-426614174000"
NULL = "(null)"

Row = dict[str, str]


@dataclass(frozen=True)
class Operator:
    """Somebody with the runbook in hand, a shell, and psql on the database."""

    url: str
    folder: Path

    def psql(self, script: str, run_id: str = "") -> list[Row]:
        """Run a snippet in psql and return the rows of its last answer, every value as text."""
        return rows_of(self._psql("--csv", "-c", script.replace("<run_id>", run_id)))

    def psql_file(self, path: Path) -> str:
        """Run a file of queries as a whole; the first error ends it."""
        return self._psql("--csv", "-f", str(path))

    def shape(self, query: str) -> list[tuple[str, str]]:
        """Return what psql says of a query's columns: names and types."""
        described = self._psql("--csv", "-f", "-", stdin=query.strip().rstrip(";") + r" \gdesc")
        return [(row["Column"], row["Type"]) for row in rows_of(described)]

    def shell(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command as printed, with this project on the path and the database configured."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "MOAT_DATABASE_URL": self.url} | variables
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def imports(self, file: str, source_system: str = "manual", batch_id: str | None = None) -> str:
        """Import a file as the command does, without the command, and return its run."""
        database = Database(self.url, embedded=True)
        return str(import_file(self.folder / file, database, source_system=source_system, batch_id=batch_id).run_id)

    def _psql(self, *arguments: str, stdin: str = "") -> str:
        command = [str(psql_binary()), "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-P", f"null={NULL}"]
        command += ["-d", self.url, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


def rows_of(text: str) -> list[Row]:
    """Read what psql --csv printed."""
    return list(csv.DictReader(io.StringIO(text)))


def processing(operator: Operator, run_id: str = PRINTED_ID) -> str:
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


def processing_of_another_batch(operator: Operator) -> str:
    """Claim one more batch and return its run."""
    claim = "SELECT * FROM ingest.claim_import_run('simplicity', 'batch-2', 'def', 'b.csv', 'plaintiff', 'worker-1')"
    return operator.psql(claim)[0]["run_id"]
