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
    p_expected_count => %(expected_count)s::integer,
    p_unattended => %(unattended)s::boolean
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
    p_attempt => %(attempt)s::integer,
    p_replaces => %(replaces)s::uuid
)

-- name: reconcile
select is_valid, expected_count, actual_count, delta
from ingest.reconcile_import_run(
    p_run_id => %(run_id)s::uuid,
    p_expected_count => %(expected_count)s::integer,
    p_worker_id => %(worker_id)s::text,
    p_attempt => %(attempt)s::integer,
    p_replaces => %(replaces)s::uuid
)

-- name: rollback
select success, rows_affected
from ingest.rollback_import_run(p_run_id => %(run_id)s::uuid, p_reason => %(reason)s::text)

-- name: preview_rollback
select rows_affected, rows_gone, rows_passed, heirs, referenced_by
from ingest.preview_rollback(p_run_id => %(run_id)s::uuid)

-- name: keys_without_heir
select ingest.keys_without_heir(p_run_id => %(run_id)s::uuid)::text as dedupe_key

-- name: release
select ingest.release_import_run(p_run_id => %(run_id)s::uuid, p_reason => %(reason)s::text)

-- name: require_replaceable
select ingest.require_replaceable(
    p_run_id => %(run_id)s::uuid,
    p_source_system => %(source_system)s::text,
    p_file_hash => %(file_hash)s::text
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
    p_worker_id => %(worker_id)s::text
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

-- name: withheld_run
select id
from ingest.v_runs
where source_system = %(source_system)s::text
    and file_hash = %(file_hash)s::text
    and withheld
order by created_at desc
limit 1

-- name: other_delivery_of_batch
select id
from ingest.v_runs
where source_system = %(source_system)s::text
    and source_batch_id = %(source_batch_id)s::text
    and file_hash <> %(file_hash)s::text
    and status = 'completed'
order by publish_seq desc
limit 1

-- name: latest_runs
select * from ingest.v_latest_runs

-- name: run_events
select * from ingest.v_run_events where import_run_id = %(run_id)s::uuid order by seq

-- name: rows_rolled_back
select rows_rolled_back from ingest.v_rollback_verification where id = %(run_id)s::uuid

-- name: keys_of_run
select count(*) as records, count(*) - count(dedupe_key) as rejected, count(distinct dedupe_key) as keys
from ingest.plaintiffs_raw
where import_run_id = %(run_id)s::uuid

-- name: diff
with difference as materialized (
    select * from ingest.diff_runs(p_run_a => %(run_a)s::uuid, p_run_b => %(run_b)s::uuid)
),
totals as (
    select change, count(*) as records from difference group by change
),
of_column as (
    select named.column_name, count(*) as records
    from difference
    cross join lateral unnest(difference.columns) as named (column_name)
    group by named.column_name
),
ranked as (
    select *, row_number() over (partition by change order by coalesce(row_b, row_a)) as place
    from difference
)
select
    coalesce((select jsonb_object_agg(change, records) from totals), '{}') as totals,
    coalesce((select jsonb_object_agg(column_name, records order by column_name) from of_column), '{}') as changed_columns,
    coalesce(
        (
            select jsonb_agg(to_jsonb(ranked) - 'place' order by ranked.change, ranked.place)
            from ranked
            where ranked.place <= %(limit)s::integer
        ),
        '[]'
    ) as records

-- name: records_of_run
select
    row_number,
    plaintiff_name,
    firm_name,
    contact_name,
    contact_email,
    contact_phone,
    address,
    city,
    state,
    postal_code,
    case_reference,
    court,
    county,
    judgment_amount,
    judgment_date,
    defendant_name,
    source_reference,
    extra
from ingest.plaintiffs_raw
where import_run_id = %(run_id)s::uuid
    and row_number = any(%(row_numbers)s::integer[])

-- name: read_only_snapshot
set transaction isolation level repeatable read, read only

-- name: event_chain
select import_run_id::text, seq, at_us, actor, worker_id, attempt, event, details, prev_hash, hash
from ingest.v_event_chain
where %(run_id)s::uuid is null
    or import_run_id = %(run_id)s::uuid
order by import_run_id, seq

-- name: runs_and_heads
select
    coalesce(r.id, h.import_run_id)::text,
    r.id is not null,
    h.seq,
    h.hash,
    r.source_system,
    r.source_batch_id,
    r.file_hash,
    r.filename,
    r.import_kind,
    r.status::text,
    r.attempt,
    r.rows_fetched,
    r.rows_inserted,
    r.rows_skipped,
    r.rows_errored,
    r.expected_count,
    r.publish_seq,
    r.rollback_reason,
    r.reader_fingerprint,
    r.worker_id,
    -- as the events hold them: jsonb writes a time the same whatever the session's settings are
    to_jsonb(r.claimed_at at time zone 'UTC') #>> '{}',
    to_jsonb(r.completed_at at time zone 'UTC') #>> '{}',
    to_jsonb(r.rolled_back_at at time zone 'UTC') #>> '{}',
    r.withheld,
    r.release_reason,
    r.replaces::text,
    r.replaced_by::text,
    case
        when r.status = 'failed' then jsonb_strip_nulls(r.error_details)
    end
from ingest.import_runs as r
full join ingest.v_event_heads as h on h.import_run_id = r.id
where %(run_id)s::uuid is null
    or coalesce(r.id, h.import_run_id) = %(run_id)s::uuid
order by coalesce(r.id, h.import_run_id)

-- name: pinned_heads
select import_run_id::text, seq, hash, checkpoint_no
from ingest.v_checkpoint_heads
where %(run_id)s::uuid is null
    or import_run_id = %(run_id)s::uuid
order by import_run_id, checkpoint_no

-- name: chunks_of_run
select chunk_no, attempt, byte_start, byte_end, first_row, records, digest
from ingest.v_landed_chunks
where import_run_id = %(run_id)s::uuid
order by chunk_no

-- name: recount_run
select (recounted).landed, (recounted).rejected, (recounted).last_row, (recounted).represented
from ingest.recount_run(%(run_id)s::uuid) as recounted

-- name: landed_by_chunk
select chunk_no, attempt, records, first_row, last_row from ingest.landed_by_chunk(%(run_id)s::uuid)

-- name: misrepresented_record
select row_number, dedupe_key, owner_run_id, owner_row_number, owner_status
from ingest.misrepresented_record(%(run_id)s::uuid)

-- name: completed_runs
select id::text
from ingest.import_runs
where status = 'completed'
    and (%(run_id)s::uuid is null or id = %(run_id)s::uuid)
order by id

-- name: misowned_key
select dedupe_key, owner_run_id, owner_row_number, owner_status, is_published from ingest.misowned_key(%(run_id)s::uuid)

-- name: runless_landing
select import_run_id, relation from ingest.runless_landing()

-- name: deliveries_with_two_runs
select source_system, source_batch_id, min(id::text) as run, count(*) as runs
from ingest.import_runs
where status <> 'rolled_back'
group by source_system, source_batch_id, file_hash
having count(*) > 1
order by min(id::text)
limit 1

-- name: take_checkpoint
select ingest.take_checkpoint()

-- name: checkpoints
select checkpoint_no, at at time zone 'UTC' as at, actor, tree_size, root
from ingest.v_checkpoints
where %(checkpoint_no)s::integer is null
    or checkpoint_no = %(checkpoint_no)s::integer
order by checkpoint_no

-- name: checkpoint_of_head
select max(c.checkpoint_no) as checkpoint_no
from ingest.v_checkpoints as c
where (
    select kept.hash
    from ingest.v_checkpoint_heads as kept
    where kept.import_run_id = %(run_id)s::uuid
        and kept.checkpoint_no <= c.checkpoint_no
    order by kept.checkpoint_no desc
    limit 1
) = (select h.hash from ingest.v_event_heads as h where h.import_run_id = %(run_id)s::uuid)

-- name: heads_of_checkpoint
select distinct on (import_run_id) import_run_id::text, seq, hash
from ingest.v_checkpoint_heads
where checkpoint_no <= %(checkpoint_no)s::integer
order by import_run_id, checkpoint_no desc

-- name: heads_by_checkpoint
select checkpoint_no, import_run_id::text, seq, hash
from ingest.v_checkpoint_heads
order by checkpoint_no, import_run_id

-- name: head_without_checkpoint
select h.import_run_id::text as run, h.checkpoint_no
from ingest.v_checkpoint_heads as h
where not exists (select from ingest.v_checkpoints as c where c.checkpoint_no = h.checkpoint_no)
order by h.checkpoint_no, h.import_run_id
limit 1

-- name: record_origin
select * from ingest.v_record_origins where import_run_id = %(run_id)s::uuid and row_number = %(row_number)s::integer

-- name: record_origins_of_key
select *
from ingest.v_record_origins
where dedupe_key = %(dedupe_key)s::uuid
order by source_system, publish_seq nulls last, created_at, import_run_id, row_number

-- name: missing_guard
select guard.relation, guard.name
from (values
    ('import_runs', 'import_runs_guard', '_guard_run'),
    ('import_runs', 'import_runs_record', '_record_run'),
    ('import_runs', 'import_runs_never_deleted', '_refuse_change'),
    ('source_systems', 'source_systems_hold_no_numbers', '_guard_source_system'),
    ('landed_rows', 'landed_rows_append_only', '_refuse_change'),
    ('landed_rows', 'landed_rows_guard', '_guard_landing'),
    ('landed_rows', 'landed_rows_hold_no_numbers', '_guard_landed_numbers'),
    ('landed_chunks', 'landed_chunks_append_only', '_refuse_change'),
    ('landed_chunks', 'landed_chunks_have_rows', '_require_rows'),
    ('plaintiff_keys', 'plaintiff_keys_never_deleted', '_refuse_change'),
    ('run_events', 'run_events_append_only', '_refuse_change'),
    ('checkpoints', 'checkpoints_append_only', '_refuse_change'),
    ('checkpoint_heads', 'checkpoint_heads_append_only', '_refuse_change')
) as guard (relation, name, function)
where not exists (
    select
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    inner join pg_catalog.pg_proc as p on p.oid = t.tgfoid and p.pronamespace = n.oid
    where n.nspname = 'ingest'
        and c.relname = guard.relation
        and t.tgname = guard.name
        and t.tgenabled = 'A'
        and t.tgqual is null  -- it fires whatever the row is
        and p.proname = guard.function
)
order by guard.relation, guard.name
limit 1

-- name: session_actor
select session_user::text as actor, clock_timestamp() as at

-- name: about_the_session
select
    current_user::text as "user",
    current_setting('is_superuser') = 'on' as is_superuser,
    current_setting('server_version_num')::integer / 10000 as major,
    current_setting('server_version') as version,
    pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as is_read_only

-- name: memberships
select r.rolname::text as role
from pg_catalog.pg_roles as r
where r.rolname in ('moat_owner', 'dragonfly_app', 'moat_operator', 'service_role')
    and pg_has_role(current_user, r.oid, 'usage')
order by r.rolname

-- name: clock_and_backend
select extract(epoch from clock_timestamp())::double precision as seconds, pg_backend_pid() as backend

-- name: stale_runs
select id, source_system, worker_id, updated_at from ingest.v_runs where is_stale order by updated_at
