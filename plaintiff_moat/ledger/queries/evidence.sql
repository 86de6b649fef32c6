-- What is verified and certified.

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
    r.run_no,
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
    r.replays::text,
    case
        when r.status = 'failed' then jsonb_strip_nulls(r.error_details)
    end,
    r.control_rows,
    -- as the events hold amounts
    to_char(r.control_total, 'FM999,999,999,999,999,999,999,999,999,990.00'),
    r.control_sha256,
    to_char(r.found_total, 'FM999,999,999,999,999,999,999,999,999,990.00')
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
select
    (recounted).landed,
    (recounted).rejected,
    (recounted).last_row,
    (recounted).represented,
    to_char(ingest.total_of_run(%(run_id)s::uuid), 'FM999,999,999,999,999,999,999,999,999,990.00') as total
from ingest.recount_run(%(run_id)s::uuid) as recounted

-- name: fixes_of_run
select
    fixes.digest,
    misplaced.row_number as misplaced_row,
    misplaced.replays_row as misplaced_reject,
    exists (
        select
        from ingest.import_runs as r
        inner join ingest.v_run_events as e on e.import_run_id = r.replays
        where r.id = %(run_id)s::uuid
            and e.event = 'replayed'
            and e.details ->> 'replayed_by' = r.id::text
            and e.details ->> 'fixes_digest' = fixes.digest
    ) as is_told_by_the_other
from ingest.fixes_digest(%(run_id)s::uuid) as fixes (digest)
left join ingest.misplaced_fix(%(run_id)s::uuid) as misplaced on true

-- name: landed_by_chunk
select chunk_no, records, first_row, last_row from ingest.landed_by_chunk(%(run_id)s::uuid)

-- name: misrepresented_record
select row_number, dedupe_key, owner_run, owner_row_number, owner_status
from ingest.misrepresented_record(%(run_id)s::uuid)

-- name: completed_runs
select id::text
from ingest.import_runs
where status = 'completed'
    and (%(run_id)s::uuid is null or id = %(run_id)s::uuid)
order by id

-- name: misowned_key
select dedupe_key, owner_run, owner_row_number, owner_status, is_published from ingest.misowned_key(%(run_id)s::uuid)

-- name: runless_landing
select import_run_id, run_no, relation from ingest.runless_landing()

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

-- name: newest_checkpoint
select coalesce(max(checkpoint_no), 0) as checkpoint_no from ingest.v_checkpoints

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
    ('landed_chunks', 'landed_chunks_append_only', '_refuse_change'),
    ('landed_chunks', 'landed_chunks_have_rows', '_require_rows'),
    ('plaintiff_keys', 'plaintiff_keys_never_deleted', '_refuse_change'),
    ('run_events', 'run_events_append_only', '_refuse_change'),
    ('checkpoints', 'checkpoints_append_only', '_refuse_change'),
    ('checkpoint_heads', 'checkpoint_heads_append_only', '_refuse_change'),
    ('chunk_profiles', 'chunk_profiles_append_only', '_refuse_change')
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
