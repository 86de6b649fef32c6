"""Nothing that an operator or the command line asks reads all records or all keys, however many there are.

Every statement of the catalogue is executed as it is sent, in a transaction that is taken back, and so is every view as
it is asked. PostgreSQL counts the rows that are read, inside functions too.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from plaintiff_moat.ledger import queries
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.queries import query
from tests.complexity.full_ledger import BIG_RUNS, RECORDS_OF_A_BIG_RUN, Ledger
from tests.ledger.ledger_steps import SYSTEM, Connection, value

FEW_READS = 1_000  # what is asked has some 20 records, the ledger 20,000

# They find keys by their owner. An index for that would be written by every publication, for what is asked seldom.
KEYS_BY_OWNER = {"keys_without_heir", "misowned_key", "preview_rollback", "reconcile", "rollback", "v_plaintiffs"}

# What a statement is asked with, nothing where nothing is said; a run's name stands for its id.
ARGUMENTS: dict[str, Any] = {
    "source_system": SYSTEM,
    "source_batch_id": "another",
    "file_hash": "0" * 64,
    "filename": "plaintiffs.csv",
    "import_kind": "plaintiff",
    "worker_id": "worker-1",
    "attempt": 1,
    "unattended": True,
    "run_id": "first",
    "run_a": "first",
    "run_b": "following",
    "reason": "bad file",
    "rows_fetched": 1,
    "rows_inserted": 1,
    "rows_skipped": 0,
    "rows_errored": 0,
    "mark_completed": True,
    "chunk_no": 1,
    "byte_start": 1000,
    "byte_end": 2000,
    "first_row": 2,
    "records": 1,
    "digest": "00" * 32,
    "extra_columns": ["Notes"],
    "extra_separator": "|",
    "operation": "land",
    "prefix": "0",
    "limit": 20,
    "row_number": 1,
    "row_numbers": [1, 2],
    "layout": Jsonb({"columns": ["Plaintiff Name"], "delimiter": ",", "quote": '"', "encoding": "utf-8"}),
    "findings": Jsonb([]),
    "filled": [1],
    "rejected": 0,
    "unread_amounts": 0,
    "valid_total": 0,
    "rejected_total": 0,
    "files": 10,
}
ASKED_OF = {
    "finalize": {"run_id": "processing"},
    "heartbeat": {"run_id": "processing"},
    "open_chunk": {"run_id": "processing"},
    "describe_source": {"run_id": "processing"},
    "note_chunk": {"run_id": "processing", "chunk_no": 0},
    "record_drift": {"run_id": "processing"},
    "state_control_totals": {"run_id": "processing"},
    "record_refusal": {"run_id": "processing"},
    "take_keys_early": {"run_id": "processing"},
    # publishing the new file undoes the one that it replaces
    "reconcile": {"run_id": "processing", "replaces": "first"},
    "release": {"run_id": "undone"},
    "require_replayable": {"row_numbers": [21]},
}

# Who holds a record, asked by its key: an index would cost every landing half as much again, for a question that is
# asked of one record now and then.
RECORDS_BY_KEY = {"record_origins_of_key", "plaintiffs_raw", "v_record_origins"}

PARAMETER = re.compile(r"%\((\w+)\)s")

# A view of records is asked for a run, for a plaintiff or for a place; every other one is read whole.
OF_RECORDS = {
    "plaintiffs_raw": (
        "import_run_id = %(run_id)s",
        "import_run_id = %(run_id)s and status = 'failed'",
        "dedupe_key = %(dedupe_key)s",
    ),
    "v_plaintiffs": ("import_run_id = %(run_id)s", "dedupe_key = %(dedupe_key)s"),
    "v_record_origins": ("import_run_id = %(run_id)s and row_number = 1", "dedupe_key = %(dedupe_key)s"),
    "v_rejects": ("import_run_id = %(run_id)s", "true"),
}


@pytest.fixture
def conn(ledger: Ledger) -> Iterator[Connection]:
    """A connection whose own process does all the reading, from the tables themselves: there it is counted."""
    with connect(Database(ledger.url, embedded=True)) as connection:
        connection.execute("set max_parallel_workers_per_gather = 0")
        connection.execute("set enable_indexonlyscan = off")
        yield connection


@contextmanager
def reads_counted(conn: Connection) -> Iterator[Counter[str]]:
    """Take back what is done inside; how many rows of each table were read meanwhile."""
    reads: Counter[str] = Counter()
    with conn.transaction(force_rollback=True):
        before = _reads(conn)
        yield reads
        reads.update(_reads(conn) - before)


def _reads(conn: Connection) -> Counter[str]:
    rows = conn.execute(
        "select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"
        " where schemaname = 'ingest'"
    )
    return Counter(dict(rows.fetchall()))


def arguments_of(name: str, conn: Connection, ledger: Ledger) -> dict[str, Any]:
    """What the statement is asked with: runs by their id, a key that two runs hold."""
    asked = ARGUMENTS | ASKED_OF.get(name, {})
    runs = {
        parameter: ledger.runs[run] for parameter, run in asked.items() if isinstance(run, str) and run in ledger.runs
    }
    key = value(
        conn, "select dedupe_key from ingest.plaintiffs_raw where import_run_id = %s limit 1", ledger.runs["first"]
    )
    return asked | runs | {"dedupe_key": key, "keys": [key]}


def test_no_statement_of_the_catalogue_reads_all_records(conn: Connection, ledger: Ledger) -> None:
    """What it asks for is found by an index, through whatever functions it goes."""
    read_all: dict[str, set[str]] = {"landed_rows": set(), "plaintiff_keys": set()}
    for name in sorted(queries._catalogue()):  # noqa: SLF001 - all, so that a new one is tested too
        if not query(name).startswith(("select", "with")):
            continue  # `copy`, and the beginning of a snapshot
        arguments = arguments_of(name, conn, ledger)
        with reads_counted(conn) as reads:
            conn.execute(query(name), {wanted: arguments.get(wanted) for wanted in PARAMETER.findall(query(name))})
        for table, names in read_all.items():
            if reads[table] > FEW_READS:
                names.add(name)
    assert read_all["landed_rows"] <= RECORDS_BY_KEY
    assert read_all["plaintiff_keys"] <= KEYS_BY_OWNER


def test_no_view_reads_all_records(conn: Connection, ledger: Ledger) -> None:
    """As operators ask: a run's records, a plaintiff's; everything else whole."""
    named = r"select viewname from pg_views where schemaname = 'ingest' and viewname not like '\_%' order by viewname"
    views = [view for (view,) in conn.execute(named.encode())]
    assert OF_RECORDS.keys() <= set(views)
    arguments = arguments_of("", conn, ledger)
    read_all = []
    for view in views:
        for condition in OF_RECORDS.get(view, ("true",)):
            with reads_counted(conn) as reads:
                conn.execute(f"select * from ingest.{view} where {condition}".encode(), arguments)
            keys = 0 if view in KEYS_BY_OWNER else reads["plaintiff_keys"]
            records = 0 if view in RECORDS_BY_KEY and "dedupe_key" in condition else reads["landed_rows"]
            if max(records, keys) > FEW_READS:
                read_all.append(f"{view} where {condition}")
    assert read_all == []


def test_a_reading_of_all_records_is_seen(conn: Connection) -> None:
    """A question that no index answers counts as what it is, inside a function too, and by whatever path."""
    conn.execute("""
        create function pg_temp.named(p_name text) returns bigint language sql security definer as $$
            select count(*) from ingest.landed_rows where plaintiff_name = p_name
        $$
    """)
    for path in ("on", "off"):
        conn.execute(f"set enable_seqscan = {path}".encode())
        with reads_counted(conn) as reads:
            conn.execute("select pg_temp.named('few-7')")
        assert reads["landed_rows"] > BIG_RUNS * RECORDS_OF_A_BIG_RUN
