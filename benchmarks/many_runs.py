"""A ledger with many runs, and what reading a view of it takes."""

import time

import psycopg

__all__ = ["OPERATOR_VIEWS", "fill", "seconds_of_view"]

RECORDS = 20  # of each run
TIMES = 3

OPERATOR_VIEWS = (
    "v_latest_runs",
    "v_runs",
    "v_duplicates_blocked",
    "v_reconciliation_failures",
    "v_rollback_verification",
    "v_in_progress_runs",
    "v_failed_runs",
    "v_source_system_stats",
    "v_rejects",
)

# Of ten runs seven are completed (each offered once more and refused), one failed its reconciliation, one was rolled
# back, and one is in progress. Every record but one of a run shares its key with a record of the next.
_FILL = """
    do $$
    declare
        v_run uuid;
        v_run_no integer;
        v_system text;
    begin
        for v_number in 1..{runs} loop
            v_system := 'vendor-' || v_number % 5;
            select run_id, ingest.lease_run_no(run_id) into v_run, v_run_no
            from ingest.claim_import_run(
                v_system, 'batch-' || v_number, md5(v_number::text), 'export.csv', p_expected_count => {records}
            );
            perform ingest.open_chunk(v_run, 1, 0, 0, 1000, 1, {records}, repeat('00', 32));
            insert into ingest.landed_rows (
                run_no, row_number, chunk_no, line_start,
                plaintiff_name, dedupe_key, error_code, raw_payload
            )
            select
                v_run_no, place, 0, place + 1,
                case when place > 1 then 'Ada ' || place end,
                case when place > 1 then md5(v_system || ':' || v_number + place)::uuid end,
                case when place = 1 then 'MISSING_NAME' end,
                case when place = 1 then '{{}}'::jsonb end
            from generate_series(1, {records}) as place;
            commit;
            if v_number % 10 = 0 then
                continue;
            elsif v_number % 10 = 1 then
                perform ingest.reconcile_import_run(v_run, {records} + 1);
                continue;
            end if;
            perform ingest.reconcile_import_run(v_run, {records});
            if v_number % 10 = 2 then
                perform ingest.rollback_import_run(v_run, 'benchmark');
            else
                perform ingest.claim_import_run(v_system, 'batch-' || v_number, md5(v_number::text), 'export.csv');
            end if;
            commit;
        end loop;
    end
    $$
"""


def fill(url: str, runs: int) -> str:
    """Put so many runs into the ledger; the id of one that is completed."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("set synchronous_commit = off")
        conn.execute(_FILL.format(runs=runs, records=RECORDS).encode())
        conn.execute("vacuum analyze")
        (run,) = conn.execute("select id::text from ingest.v_runs where status = 'completed' limit 1").fetchone() or (
            "",
        )
    return str(run)


def seconds_of_view(url: str, view: str) -> float:
    """The least of some times that all of the view takes to arrive."""
    taken = []
    with psycopg.connect(url, autocommit=True) as conn, conn.cursor() as cursor:
        for _ in range(TIMES):
            began = time.monotonic()
            with cursor.copy(f"copy (select * from ingest.{view}) to stdout".encode()) as copy:
                for _ in copy:
                    pass
            taken.append(time.monotonic() - began)
    return min(taken)
