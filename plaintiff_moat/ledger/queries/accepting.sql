-- Holding a file against its control totals and against the files before it.

-- name: state_control_totals
select ingest.state_control_totals(
    p_run_id => %(run_id)s::uuid,
    p_rows => %(rows)s::integer,
    p_total => %(total)s::numeric,
    p_sha256 => %(sha256)s::text,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: note_header
select ingest.note_header(
    p_run_id => %(run_id)s::uuid,
    p_header => %(header)s::text[],
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: note_chunk
select ingest.note_chunk(
    p_run_id => %(run_id)s::uuid,
    p_chunk_no => %(chunk_no)s::integer,
    p_records => %(records)s::integer,
    p_rejected => %(rejected)s::integer,
    p_filled => %(filled)s::integer[],
    p_valid_total => %(valid_total)s::numeric,
    p_rejected_total => %(rejected_total)s::numeric,
    p_unread_amounts => %(unread_amounts)s::integer,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: record_drift
select ingest.record_drift(
    p_run_id => %(run_id)s::uuid,
    p_findings => %(findings)s::jsonb,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer
)

-- name: profile_of_run
select header, filled, records, rejected, rows_skipped, status, total_amount, unread_amounts
from ingest.v_run_profiles
where import_run_id = %(run_id)s::uuid

-- name: earlier_profiles
select header, filled, records, rejected, rows_skipped
from ingest.v_run_profiles
where source_system = %(source_system)s::text
    and status = 'completed'
    and import_run_id is distinct from %(replaced)s::uuid
order by publish_seq desc
limit %(files)s::integer
