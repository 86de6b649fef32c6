"""The judge of every fault test is judged: it names each invariant that a planted fault breaks, and none before."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from outcome import broken_invariants, outcome, unfinished_runs

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database

_LATER = "(select id from ingest.import_runs where source_batch_id = 'later')"
_PLANTED = {
    "I1 one live run for a delivery": """
        drop index ingest.import_runs_one_live_run;
        insert into ingest.import_runs overriding user value select (jsonb_populate_record(r,
            jsonb_build_object('id', gen_random_uuid(), 'publish_seq', 9))).*
        from ingest.import_runs as r where source_batch_id = 'later'
    """,
    "I1 a landed chunk is of an attempt that was granted": "update ingest.landed_chunks set attempt = 9",
    "I2 the counts of a completed run are those of its records": """
        update ingest.import_runs set rows_inserted = rows_inserted + 1, rows_skipped = rows_skipped - 1
        where source_batch_id = 'later'
    """,
    "I2 every record has one outcome": """
        alter view ingest.plaintiffs_raw rename to good;
        create view ingest.plaintiffs_raw as select * from ingest.good union all select * from ingest.good
    """,
    "I3 nothing is visible of a run that is not completed": """
        update ingest.import_runs set status = 'failed' where source_batch_id = 'later';
        alter view ingest.v_plaintiffs rename to good;
        create view ingest.v_plaintiffs as select l.dedupe_key, r.id as import_run_id, l.row_number, l.plaintiff_name
        from ingest.landed_rows as l inner join ingest.import_runs as r on r.run_no = l.run_no
    """,
    "I3 no key is held by a run that was never published": """
        alter table ingest.import_runs drop constraint import_runs_completed_is_published;
        update ingest.import_runs set publish_seq = null where source_batch_id = 'later'
    """,
    "I4 the active set is the earliest record of each key of the completed runs": f"""
        update ingest.plaintiff_keys as k set owner_run_no = r.run_no, owner_row_number = l.row_number
        from ingest.landed_rows as l inner join ingest.import_runs as r on r.run_no = l.run_no
        where l.dedupe_key = k.dedupe_key and r.id = {_LATER}
    """,
    "I5 no landed row or chunk was updated or deleted": """
        update ingest.landed_rows set city = 'Albany'; select pg_stat_force_next_flush()
    """,
    "I5 a chunk is landed whole, and every landed row came with one": """
        delete from ingest.landed_rows where row_number = 2
    """,
    "I5 the chunks of a completed run are a file": """
        update ingest.landed_chunks set byte_start = byte_start - 1
    """,
    "I6 every claim, completion and undoing of a run left its event": """
        update ingest.import_runs set attempt = attempt + 1
    """,
    "I6 the events of each run are a chain": "update ingest.run_events set actor = 'nobody' where seq = 2",
}


@pytest.fixture
def three_files(database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]) -> None:
    """Import a file that is undone, one that shares a record with it, and one that shares a record with that."""
    undone = import_file(csv_file("a.csv", ["Ada", "Ben"]), database, batch_id="undone")
    import_file(csv_file("b.csv", ["Ben", "Cyd", "Dee", "Eve"]), database, batch_id="sooner")
    import_file(csv_file("c.csv", ["Cyd", "Fay", "Gus", "Hal"], '"torn'), database, batch_id="later")
    IngestClaimClient(conn).rollback(undone.run_id, "planted")


@pytest.mark.usefixtures("small_chunks", "three_files")
@pytest.mark.parametrize("sentence", _PLANTED)
def test_a_planted_fault_is_named(conn: psycopg.Connection, sentence: str) -> None:
    """Each sentence is silent over a sound ledger, and speaks once the ledger contradicts it."""
    assert broken_invariants(conn) == {}
    for (table,) in conn.execute("select tablename from pg_tables where schemaname = 'ingest'").fetchall():
        conn.execute(f"alter table ingest.{table} disable trigger all")
    conn.execute(_PLANTED[sentence])
    assert sentence in broken_invariants(conn)


@pytest.mark.usefixtures("small_chunks")
def test_equal_imports_compare_equal_and_unequal_ones_do_not(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """The comparable form forgets ids, times and attempts, and nothing else: one other cell is another outcome."""
    import_file(csv_file("a.csv", ["Ada", "Ben"]), database)
    before = outcome(conn)
    with conn.transaction(force_rollback=True):
        conn.execute("alter table ingest.landed_rows disable trigger all")
        conn.execute("update ingest.landed_rows set city = 'Albany' where row_number = 1")
        assert outcome(conn) != before
        conn.execute("update ingest.landed_rows set city = null where row_number = 1")
        assert outcome(conn) == before
    assert unfinished_runs(conn) == []
    conn.execute("select * from ingest.claim_import_run('simplicity', 'b', 'c')")
    assert len(unfinished_runs(conn)) == 1
