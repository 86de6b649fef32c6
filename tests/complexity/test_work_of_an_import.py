"""What an import costs the server grows with its own file alone: counted in round trips and rows, never in seconds."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database, connect
from tests.complexity.full_ledger import Ledger
from tests.faults.proxy import Direction, Message, Proxy
from tests.ledger.ledger_steps import rollback, value

CsvFile = Callable[..., Path]

ROUND_TRIPS_OF_A_CHUNK = 6  # begin, open_chunk, copy (its answer, its end), note_chunk, commit
WRITTEN_OF_A_RUN = 30  # rows of runs, source systems, events and their heads: of a run, whatever it holds
FEW_READS = 1_000  # of a ledger of 20,000 records, by what 20 of them are concerned with
READ_OF_A_RECORD = 5  # rows: it is counted again, its key is taken, and who holds that is looked up
_ANSWERS = {"Z", "G"}  # ReadyForQuery, CopyInResponse: what the client waits for before it goes on
_PATIENCE = 30.0


class Cost(NamedTuple):
    """What an import cost: chunks landed, times that the client waited for an answer, statements that it sent."""

    chunks: int
    round_trips: int
    statements: int


def cost_of(url: str, path: Path) -> Cost:
    """Import the file through a proxy that counts."""
    with Proxy(url) as proxy:
        import_file(path, Database(proxy.url, embedded=True), workers=1)
    # beats come by the clock, on connections of their own
    beating = {message.connection for message in proxy.seen if b"heartbeat_import_run" in message.body}
    seen = [message for message in proxy.seen if message.connection not in beating]
    with psycopg.connect(url) as conn:
        chunks = value(conn, "select count(*) from ingest.landed_chunks")
    return Cost(
        chunks,
        sum(message.direction is Direction.BACKEND and message.kind in _ANSWERS for message in seen),
        sum(_is_statement(message) for message in seen),
    )


def _is_statement(message: Message) -> bool:
    return message.direction is Direction.FRONTEND and message.kind in {"Q", "P"}


@pytest.mark.usefixtures("small_chunks")
def test_each_further_chunk_costs_the_same_few_round_trips(
    new_database: Callable[[str], str], template: str, csv_file: CsvFile
) -> None:
    """Round trips and statements of an import are a constant and as much again for every chunk."""
    costs = [
        cost_of(new_database(template), csv_file("week.csv", (f"plaintiff{number:03}" for number in range(records))))
        for records in (20, 40, 80)
    ]
    small, middle, large = costs
    assert large.chunks > middle.chunks > small.chunks > 3
    for counted in ("round_trips", "statements"):
        by_chunk = {
            (getattr(more, counted) - getattr(less, counted)) / (more.chunks - less.chunks)
            for less, more in ((small, middle), (middle, large))
        }
        assert len(by_chunk) == 1
        assert by_chunk.pop() <= ROUND_TRIPS_OF_A_CHUNK


def test_records_of_a_chunk_cost_no_round_trip(
    new_database: Callable[[str], str], template: str, csv_file: CsvFile
) -> None:
    """A chunk of two thousand records takes the messages of a chunk of ten, but for its data."""
    ten, many = (
        cost_of(new_database(template), csv_file("week.csv", (f"plaintiff{number}" for number in range(records))))
        for records in (10, 2_000)
    )
    assert ten.chunks == 1
    assert many == ten


@pytest.mark.parametrize("known", [0, 100], ids=["new records", "a full re-delivery"])
def test_publishing_reads_and_writes_its_own_run(ledger: Ledger, csv_file: CsvFile, known: int) -> None:
    """With 20,000 other records in the ledger, an import of 100 touches as many rows as its file has, a few times."""
    records = 100
    if known:
        import_file(csv_file("week1.csv", (f"plaintiff{number}" for number in range(known))), ledger.url)
    before = _touched(ledger.url)
    import_file(csv_file("week2.csv", (f"plaintiff{number}" for number in range(records)), ",,,,,"), ledger.url)
    written, read = _since(before, _touched(ledger.url))
    of_records = {"landed_rows": records + 1, "plaintiff_keys": records - known}
    assert {table: written[table] for table in of_records} == of_records
    assert written["landed_chunks"] == 1
    assert sum(written.values()) - sum(of_records.values()) - 1 <= WRITTEN_OF_A_RUN
    assert read["landed_rows"] + read["plaintiff_keys"] <= READ_OF_A_RECORD * records


def test_undoing_a_run_touches_its_own_keys_and_their_heirs(ledger: Ledger) -> None:
    """A rollback of 20 records changes the keys that pass on, and reads no other run's records."""
    before = _touched(ledger.url)
    with connect(Database(ledger.url, embedded=True)) as conn:
        assert rollback(conn, ledger.runs["first"]) == (True, 21)
    written, read = _since(before, _touched(ledger.url))
    assert (written["landed_rows"], written["plaintiff_keys"]) == (0, 19)
    assert read["landed_rows"] < FEW_READS


def test_a_duplicate_reads_no_record(ledger: Ledger, csv_file: CsvFile) -> None:
    """Offering a file again costs an event, not a look at what it holds."""
    path = csv_file("week1.csv", (f"plaintiff{number}" for number in range(100)))
    import_file(path, ledger.url)
    before = _touched(ledger.url)
    assert import_file(path, ledger.url).claim_status == "duplicate"
    written, read = _since(before, _touched(ledger.url))
    assert +written == {"run_events": 1, "event_heads": 1}
    assert (read["landed_rows"], read["plaintiff_keys"]) == (0, 0)


def _touched(url: str) -> tuple[Counter[str], Counter[str]]:
    """Rows of each table that were written and read since the database was made, by sessions that have ended."""
    with psycopg.connect(url, autocommit=True) as conn:
        deadline = time.monotonic() + _PATIENCE
        # a session tells of its last transactions when it ends
        others = """select count(*) from pg_stat_activity
            where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"""
        while value(conn, others):
            assert time.monotonic() < deadline, "a session of the import has not ended"
            time.sleep(0.01)
        rows = conn.execute(
            """
            select t.relname, t.n_tup_ins + t.n_tup_upd + t.n_tup_del, t.seq_tup_read + coalesce(i.idx_tup_read, 0)
            from pg_stat_user_tables as t
            left join lateral (
                select sum(u.idx_tup_read)::bigint as idx_tup_read
                from pg_stat_user_indexes as u
                where u.relid = t.relid
            ) as i on true
            where t.schemaname = 'ingest'
            """
        ).fetchall()
    return Counter({table: written for table, written, _ in rows}), Counter({table: read for table, _, read in rows})


def _since(
    before: tuple[Counter[str], Counter[str]], after: tuple[Counter[str], Counter[str]]
) -> tuple[Counter[str], Counter[str]]:
    written, read = (now - then for now, then in zip(after, before, strict=True))
    return written, read
