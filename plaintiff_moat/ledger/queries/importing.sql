-- Taking a file in: claim, land, report the end.

-- name: claim
select
    claim.run_id,
    claim.claim_status,
    ingest.lease_run_no(claim.run_id) as run_no,
    ingest.lease_attempt(claim.run_id) as attempt
from ingest.claim_import_run(
    p_source_system => %(source_system)s::text,
    p_source_batch_id => %(source_batch_id)s::text,
    p_file_hash => %(file_hash)s::text,
    p_filename => %(filename)s::text,
    p_import_kind => %(import_kind)s::text,
    p_worker_id => %(worker_id)s::text,
    p_reader_fingerprint => %(reader_fingerprint)s::text,
    p_expected_count => %(expected_count)s::integer,
    p_unattended => %(unattended)s::boolean
) as claim

-- name: refuse_duplicate
select ingest.refuse_duplicate(
    p_source_system => %(source_system)s::text,
    p_source_batch_id => %(source_batch_id)s::text,
    p_file_hash => %(file_hash)s::text,
    p_filename => %(filename)s::text,
    p_worker_id => %(worker_id)s::text
)

-- name: heartbeat
select ingest.heartbeat_import_run(
    p_run_id => %(run_id)s::uuid,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: finalize
select ingest.finalize_import_run(
    p_run_id => %(run_id)s::uuid,
    p_rows_fetched => %(rows_fetched)s::integer,
    p_rows_inserted => %(rows_inserted)s::integer,
    p_rows_skipped => %(rows_skipped)s::integer,
    p_rows_errored => %(rows_errored)s::integer,
    p_error_details => %(error_details)s::jsonb,
    p_mark_completed => %(mark_completed)s::boolean,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer,
    p_replaces => %(replaces)s::uuid,
    p_replays => %(replays)s::uuid
)

-- name: reconcile
select is_valid, expected_count, actual_count, delta
from ingest.reconcile_import_run(
    p_run_id => %(run_id)s::uuid,
    p_expected_count => %(expected_count)s::integer,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer,
    p_replaces => %(replaces)s::uuid,
    p_replays => %(replays)s::uuid
)

-- name: open_chunk
select ingest.open_chunk(
    p_run_id => %(run_id)s::uuid,
    p_attempt => %(attempt)s::integer,
    p_chunk_no => %(chunk_no)s::integer,
    p_byte_start => %(byte_start)s::bigint,
    p_byte_end => %(byte_end)s::bigint,
    p_first_row => %(first_row)s::integer,
    p_records => %(records)s::integer,
    p_digest => %(digest)s::text,
    p_worker_id => %(worker_id)s::text,
    p_extra_columns => %(extra_columns)s::text[],
    p_extra_separator => %(extra_separator)s::text
)

-- name: take_keys_early
select ingest.take_keys_early(
    p_run_id => %(run_id)s::uuid,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: record_refusal
select ingest.record_refusal(
    p_run_id => %(run_id)s::uuid,
    p_operation => %(operation)s::text,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: end_outdated_writers
select count(*) filter (where pg_terminate_backend(asleep.pid, 5000))
from (
    select writer.pid
    from ingest.outdated_writers(p_run_id => %(run_id)s::uuid) as writer (pid)
    inner join pg_stat_activity as session on session.pid = writer.pid
    where session.wait_event = 'ClientRead'
) as asleep

-- name: copy_landed_rows
copy ingest.landed_rows ({columns}) from stdin (format binary)

-- name: landed_chunks
select chunk_no from ingest.v_landed_chunks where import_run_id = %(run_id)s::uuid

-- name: active_keys
select count(*) from ingest.active_keys(%(keys)s::uuid[])
