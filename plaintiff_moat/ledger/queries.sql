-- Every statement that this package sends, by name. What a statement does is said where the function that it calls is
-- defined: supabase/migrations.

-- name: claim
select claim.run_id, claim.claim_status, ingest.lease_attempt(claim.run_id) as attempt
from ingest.claim_import_run(
    p_source_system => %(source_system)s::text,
    p_source_batch_id => %(source_batch_id)s::text,
    p_file_hash => %(file_hash)s::text,
    p_filename => %(filename)s::text,
    p_import_kind => %(import_kind)s::text,
    p_worker_id => %(worker_id)s::text,
    p_reader_fingerprint => %(reader_fingerprint)s::text,
    p_expected_count => %(expected_count)s::integer
) as claim

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
    p_attempt => %(attempt)s::integer
)

-- name: reconcile
select is_valid, expected_count, actual_count, delta
from ingest.reconcile_import_run(
    p_run_id => %(run_id)s::uuid,
    p_expected_count => %(expected_count)s::integer,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: rollback
select success, rows_affected
from ingest.rollback_import_run(p_run_id => %(run_id)s::uuid, p_reason => %(reason)s::text)

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
    p_worker_id => %(worker_id)s::text
)

-- name: record_refusal
select ingest.record_refusal(
    p_run_id => %(run_id)s::uuid,
    p_operation => %(operation)s::text,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: copy_landed_rows
copy ingest.landed_rows (
    import_run_id, attempt, chunk_no, row_number, line_start, line_end,
    plaintiff_name, firm_name, contact_name, contact_email, contact_phone, address, city, state, postal_code,
    case_reference, court, county, judgment_amount, judgment_date, defendant_name, source_reference, extra,
    dedupe_key, error_code, error_message, warnings, raw_payload
) from stdin (format csv)

-- name: landed_chunks
select chunk_no from ingest.v_landed_chunks where import_run_id = %(run_id)s::uuid

-- name: active_keys
select count(*) from ingest.active_keys(%(keys)s::uuid[])

-- name: run
select * from ingest.v_runs where id = %(run_id)s::uuid

-- name: runs_by_prefix
select id from ingest.v_runs where starts_with(id::text, %(prefix)s::text) limit 2

-- name: live_run_of_delivery
select *
from ingest.v_runs
where source_system = %(source_system)s::text
    and source_batch_id = %(source_batch_id)s::text
    and file_hash = %(file_hash)s::text
    and status <> 'rolled_back'

-- name: latest_runs
select * from ingest.v_latest_runs

-- name: run_events
select * from ingest.v_run_events where import_run_id = %(run_id)s::uuid order by seq

-- name: rows_rolled_back
select rows_rolled_back from ingest.v_rollback_verification where id = %(run_id)s::uuid
