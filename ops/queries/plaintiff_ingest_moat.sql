-- The operator's seven questions, each a thin select over a view of schema ingest. None of them shows personal data.
--
-- All of them:   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f ops/queries/plaintiff_ingest_moat.sql
-- One of them:   copy it into psql, and add a `where` for the source system or the run that you look for

-- Query 1: Latest Runs
-- What to do: a run that is not `completed` is explained by query 5 (processing) or 6 (failed); a file that is missing
-- here was never offered.
select
    id,
    source_system,
    source_batch_id,
    filename,
    status,
    rows_fetched,
    rows_inserted,
    rows_skipped,
    rows_errored,
    created_at,
    completed_at,
    seconds
from ingest.v_latest_runs;

-- Query 2: Duplicates Blocked
-- What to do: nothing, the file is in already as the run `id`. The same worker every day: its schedule delivers old files.
select
    id,
    source_system,
    source_batch_id,
    filename,
    offered_as,
    blocked_at,
    worker_id,
    completed_at,
    rows_inserted
from ingest.v_duplicates_blocked
order by blocked_at desc
limit 50;

-- Query 3: Reconciliation Failures
-- What to do: import the file again. With the same delta again, ask the vendor for the file's true number of records and
-- look at the run's records in ingest.plaintiffs_raw; a run that is `completed` here was verified and found wrong: roll it back.
select
    id,
    source_system,
    source_batch_id,
    filename,
    status,
    reconciled_at,
    expected_count,
    actual_count,
    delta
from ingest.v_reconciliation_failures
order by reconciled_at desc
limit 50;

-- Query 4: Rollback Verification
-- What to do: rows_still_active has to be 0 for every run; report any other number. The delivery can be imported again.
select
    id,
    source_system,
    source_batch_id,
    filename,
    rolled_back_at,
    rollback_reason,
    rows_landed,
    rows_rolled_back,
    rows_still_active
from ingest.v_rollback_verification
order by rolled_back_at desc
limit 50;

-- Query 5: In-Progress Runs
-- What to do: wait while `since_last_sign_of_life` stays small. Where is_stale is true the worker is gone: import the file
-- again, and the new worker continues where that one stopped.
select
    id,
    source_system,
    source_batch_id,
    filename,
    worker_id,
    attempt,
    rows_landed,
    rows_expected,
    since_last_sign_of_life,
    is_stale
from ingest.v_in_progress_runs
order by updated_at;

-- Query 6: Failed Runs
-- What to do: mend what error_details names and import the file again, which continues the run. Nothing of it is active.
select
    id,
    source_system,
    source_batch_id,
    filename,
    failed_at,
    worker_id,
    attempt,
    error_code,
    error_details
from ingest.v_failed_runs
order by failed_at desc
limit 50;

-- Query 7: Source System Stats
-- What to do: a source system whose last_completed_at is older than its deliveries should be has stopped sending; one
-- whose share of rows_errored grows has changed its format.
select
    source_system,
    runs,
    completed,
    failed,
    processing,
    rolled_back,
    rows_fetched,
    rows_inserted,
    rows_skipped,
    rows_errored,
    last_completed_at
from ingest.v_source_system_stats
order by source_system;
