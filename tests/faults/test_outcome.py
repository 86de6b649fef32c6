"""The judge of every fault test is judged: it names each invariant that a planted fault breaks, and none before."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from outcome import broken_invariants, outcome, unfinished_runs

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database

_COMPLETED = "(select id from ingest.import_runs where source_batch_id = 'later')"
_UNDONE = "(select id from ingest.import_runs where source_batch_id = 'undone')"
_COPY_OF_A_ROW = (
    "insert into ingest.landed_rows select (jsonb_populate_record(l, {changes})).* from ingest.landed_rows as l"
    f" where l.import_run_id = {_COMPLETED} and l.row_number = 1"
)
_PLANTED = {
    "I1 one live run for a delivery": (
        "drop index ingest.import_runs_one_live_run",
        "insert into ingest.import_runs select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(),"
        " 'publish_seq', 9))).* from ingest.import_runs as r where source_batch_id = 'later'",
    ),
    "I1 a landed row is of an attempt that was granted": (f"update ingest.landed_rows set attempt = 9",),
    "I2 the counts of a completed run are those of its records": (
        "update ingest.import_runs set rows_inserted = rows_inserted + 1, rows_skipped = rows_skipped - 1"
        " where source_batch_id = 'later'",
    ),
    "I2 every record has one outcome": (
        "create or replace view ingest.plaintiffs_raw as "
        "select l.import_run_id, l.row_number, 'pending' as status from ingest.landed_rows as l where row_number > 1",
    ),
    "I3 nothing is visible of a run that is not completed": (
        "update ingest.plaintiff_keys set owner_row_number = 1",
        "create or replace view ingest.v_plaintiffs as select * from ingest.landed_rows as l",
    ),
    "I3 no key is held by a run that was never published": (
        "update ingest.import_runs set publish_seq = null where source_batch_id = 'undone'",
    ),
    "I4 the active set is the earliest record of each key of the completed runs": (
        f"update ingest.plaintiff_keys set owner_run_id = {_COMPLETED}, owner_row_number = 1",
    ),
    "I5 no landed row or chunk was updated or deleted": (
        "update ingest.landed_rows set city = 'Albany'",
        "select pg_stat_force_next_flush()",
    ),
    "I5 a chunk is landed whole, and every landed row came with one": (
        "delete from ingest.landed_rows where row_number = 2",
    ),
    "I5 the chunks of a completed run are a file": ("update ingest.landed_chunks set byte_start = byte_start - 1",),
    "I6 every claim, completion and undoing of a run left its event": (
        "update ingest.import_runs set attempt = attempt + 1",
    ),
    "I6 the events of each run are a chain": ("update ingest.run_events set actor = 'nobody' where seq = 2",),
}
