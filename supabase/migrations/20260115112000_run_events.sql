-- Evidence. Every attempt leaves an event; the events of a run form a chain of SHA-256 hashes.
--
-- The head of a chain stands in a table of its own and not on the run, because a refused claim must be recorded while
-- somebody else holds the run's row for the length of a publication.

create table ingest.run_events (
    import_run_id uuid not null,
    seq integer not null,
    at timestamptz not null,
    actor text not null,
    worker_id text,
    attempt integer not null,
    event text not null,
    details jsonb not null,
    prev_hash bytea not null,
    hash bytea not null,
    constraint run_events_pkey primary key (import_run_id, seq),
    constraint run_events_kinds check (event in (
        'created', 'claimed', 'reclaimed', 'taken_over', 'duplicate_blocked', 'in_progress_refused', 'failed',
        'completed', 'reconciled', 'reconciliation_failed', 'counts_corrected', 'rolled_back', 'write_refused',
        'replacement', 'released', 'unattended_refused', 'control_totals_stated', 'drifted', 'replay', 'replayed'
    )),
    constraint run_events_hold_no_numbers check (ingest.redact(details) = details)
);

create index run_events_duplicates on ingest.run_events (at desc) where event = 'duplicate_blocked';

comment on table ingest.run_events is 'What happened to a run, in order. Append-only and hash-chained.';
comment on column ingest.run_events.import_run_id is 'The run.';
comment on column ingest.run_events.seq is 'Place in the run''s chain, from 1.';
comment on column ingest.run_events.at is 'Time of the database''s clock.';
comment on column ingest.run_events.actor is 'The database user of the session.';
comment on column ingest.run_events.worker_id is 'The worker that asked.';
comment on column ingest.run_events.attempt is 'The run''s attempt at that moment.';
comment on column ingest.run_events.event is 'What happened.';
comment on column ingest.run_events.details is 'Counts, codes and reasons; never a cell''s value.';
comment on column ingest.run_events.prev_hash is 'Hash of the event before; 32 zero bytes for the first.';
comment on column ingest.run_events.hash is 'SHA-256 of prev_hash and of every column, each with its length before it.';

create table ingest.event_heads (
    import_run_id uuid primary key,
    seq integer not null,
    hash bytea not null
);

comment on table ingest.event_heads is 'The last event of each run''s chain.';
comment on column ingest.event_heads.import_run_id is 'The run.';
comment on column ingest.event_heads.seq is 'seq of its last event.';
comment on column ingest.event_heads.hash is 'hash of its last event.';

create function ingest._length_prefixed(p_value text)
returns bytea
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_value is null then '\xffffffff'::bytea
        else int4send(octet_length(convert_to(p_value, 'UTF8'))) || convert_to(p_value, 'UTF8')
    end
$$;

comment on function ingest._length_prefixed(text) is
    'The value''s UTF-8 bytes behind their length as four bytes; null as four bytes of ones. No two lists of values encode alike.';

create function ingest._event_hash(p_event ingest.run_events)
returns bytea
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select sha256(
        p_event.prev_hash
        || ingest._length_prefixed(p_event.import_run_id::text)
        || ingest._length_prefixed(p_event.seq::text)
        -- microseconds since 1970: the same in every time zone and date style
        || ingest._length_prefixed((extract(epoch from p_event.at) * 1000000)::bigint::text)
        || ingest._length_prefixed(p_event.actor)
        || ingest._length_prefixed(p_event.worker_id)
        || ingest._length_prefixed(p_event.attempt::text)
        || ingest._length_prefixed(p_event.event)
        || ingest._length_prefixed(p_event.details::text)
    )
$$;

comment on function ingest._event_hash(ingest.run_events) is 'The hash that an event must bear.';

create function ingest._chunks_digest(p_run_id uuid)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select encode(
        sha256(
            string_agg(
                ingest._length_prefixed(c.chunk_no::text)
                || ingest._length_prefixed(c.attempt::text)
                || ingest._length_prefixed(c.byte_start::text)
                || ingest._length_prefixed(c.byte_end::text)
                || ingest._length_prefixed(c.first_row::text)
                || ingest._length_prefixed(c.records::text)
                || ingest._length_prefixed(c.digest),
                ''::bytea order by c.chunk_no
            )
        ),
        'hex'
    )
    from ingest.landed_chunks as c
    where c.import_run_id = p_run_id
$$;

comment on function ingest._chunks_digest(uuid) is
    'One SHA-256 over the columns of the run''s chunks, but for the time; null when none is landed.';

create function ingest._append_event(
    p_run_id uuid,
    p_event text,
    p_worker_id text,
    p_attempt integer,
    p_details jsonb
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event ingest.run_events;
begin
    -- whoever appends holds the head of the chain until its transaction ends
    perform ingest._bound_idling();
    insert into ingest.event_heads (import_run_id, seq, hash)
    values (p_run_id, 0, decode(repeat('00', 32), 'hex'))
    on conflict (import_run_id) do nothing;

    select h.seq + 1, h.hash
    into v_event.seq, v_event.prev_hash
    from ingest.event_heads as h
    where h.import_run_id = p_run_id
    for update;

    v_event.import_run_id := p_run_id;
    v_event.at := clock_timestamp();
    v_event.actor := session_user::text;
    v_event.worker_id := ingest.redact(p_worker_id);
    v_event.attempt := p_attempt;
    v_event.event := p_event;
    v_event.details := ingest.redact(jsonb_strip_nulls(coalesce(p_details, '{}')));
    v_event.hash := ingest._event_hash(v_event);

    insert into ingest.run_events select v_event.*;

    update ingest.event_heads
    set seq = v_event.seq,
        hash = v_event.hash
    where import_run_id = p_run_id;
end
$$;

comment on function ingest._append_event(uuid, text, text, integer, jsonb) is 'Adds the next event to a run''s chain.';

create function ingest._refuse_change()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% is append-only: % is refused', tg_table_name, tg_op
        using errcode = 'ML004', hint = 'to take a load out again, roll its run back';
end
$$;

comment on function ingest._refuse_change() is 'Refuses UPDATE, DELETE and TRUNCATE of an append-only table.';

create trigger landed_rows_append_only
before update or delete or truncate on ingest.landed_rows
for each statement execute function ingest._refuse_change();

create trigger landed_chunks_append_only
before update or delete or truncate on ingest.landed_chunks
for each statement execute function ingest._refuse_change();

create trigger run_events_append_only
before update or delete or truncate on ingest.run_events
for each statement execute function ingest._refuse_change();

create trigger plaintiff_keys_never_deleted
before delete or truncate on ingest.plaintiff_keys
for each statement execute function ingest._refuse_change();

create trigger import_runs_never_deleted
before delete or truncate on ingest.import_runs
for each statement execute function ingest._refuse_change();

-- "always": also in a session that sets session_replication_role
alter table ingest.landed_rows enable always trigger landed_rows_append_only;
comment on trigger landed_rows_append_only on ingest.landed_rows is 'A landed record is never changed.';
alter table ingest.landed_chunks enable always trigger landed_chunks_append_only;
comment on trigger landed_chunks_append_only on ingest.landed_chunks is 'A landed chunk is never changed.';
alter table ingest.run_events enable always trigger run_events_append_only;
comment on trigger run_events_append_only on ingest.run_events is 'What happened is never changed.';
alter table ingest.plaintiff_keys enable always trigger plaintiff_keys_never_deleted;
comment on trigger plaintiff_keys_never_deleted on ingest.plaintiff_keys is 'Other tables may refer to a key for good.';
alter table ingest.import_runs enable always trigger import_runs_never_deleted;
comment on trigger import_runs_never_deleted on ingest.import_runs is 'A run stays as the history it is.';
