"""What the tests of whole imports look at."""

import psycopg

from plaintiff_moat.summary import ImportSummary


def counts(summary: ImportSummary) -> tuple[int, int, int, int]:
    """Fetched, inserted, skipped, errored."""
    return summary.rows_fetched, summary.rows_inserted, summary.rows_skipped, summary.rows_errored


def active(conn: psycopg.Connection) -> set[str]:
    """Names of the active plaintiffs."""
    return {name for (name,) in conn.execute("select plaintiff_name from ingest.v_plaintiffs")}


def everything(conn: psycopg.Connection) -> list[int]:
    """How many rows each table of the ledger has."""
    tables = (
        "import_runs",
        "landed_rows",
        "landed_chunks",
        "plaintiff_keys",
        "run_events",
        "event_heads",
        "source_systems",
    )
    return [conn.execute(f"select count(*) from ingest.{table}").fetchone()[0] for table in tables]
