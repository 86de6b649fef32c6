-- A worker can fall silent in the midst of a transaction: stopped, its machine lost, its network gone. What it has locked
-- its successor waits for, and nothing in PostgreSQL ends that wait: a stopped peer is never noticed, a lost one after
-- hours, and no timeout interrupts a COPY that waits for its client. So a transaction that writes to a run bears a mark,
-- by which whoever takes the run over finds those of outdated attempts and ends their sessions.

create function ingest._bound_idling()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_allowed interval := current_setting('idle_in_transaction_session_timeout')::interval;
    v_stale_after interval := (select s.stale_after from ingest.settings as s);
    v_milliseconds bigint := least(ceil(extract(epoch from v_stale_after) * 1000), 2147483647)::bigint;
begin
    if v_allowed = interval '0' or v_allowed > v_stale_after then
        perform set_config('idle_in_transaction_session_timeout', v_milliseconds::text, true);
    end if;
end
$$;

comment on function ingest._bound_idling() is
    'Bounds how long the transaction may idle: who is silent for as long as makes a lease stale holds no lock any more.';

create function ingest._mark_writer(p_run_id uuid, p_attempt integer)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Shared, so that nobody ever waits for it; of the transaction, so that it survives a pooler.
    perform pg_advisory_xact_lock_shared(hashtext(p_run_id::text), p_attempt);
    perform ingest._bound_idling();
end
$$;

comment on function ingest._mark_writer(uuid, integer) is
    'Marks the transaction as one that writes to the run under this attempt, and bounds how long it may idle.';

create function ingest.outdated_writers(p_run_id uuid)
returns setof integer
language sql
volatile  -- sees the claim that was made a moment ago
security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.pid
    from ingest.import_runs as r
    cross join ingest.settings as s
    inner join pg_locks as l
        on l.locktype = 'advisory'
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
        and l.classid = hashtext(r.id::text)::oid
        and l.objsubid = 2
    where r.id = p_run_id
        and l.pid <> pg_backend_pid()
        and (
            l.objid::bigint < r.attempt
            or (r.status = 'processing' and r.updated_at < clock_timestamp() - s.stale_after)
        )
$$;

comment on function ingest.outdated_writers(uuid) is
    'Process ids of the server sessions that are writing to the run under an attempt before the current one, or under one'
    ' whose lease is stale. Those that wait for their client can be ended: nothing of theirs would be kept.';
