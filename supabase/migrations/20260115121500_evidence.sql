-- What evidence is read from, and checkpoints: one hash over the heads of all chains, to be kept outside the database.
-- Nothing here shows a cell's value.

create view ingest.v_event_chain as
select
    e.import_run_id,
    e.seq,
    -- microseconds since 1970; null for a time that no clock gives
    case when isfinite(e.at) then (extract(epoch from e.at) * 1000000)::bigint end as at_us,
    e.actor,
    e.worker_id,
    e.attempt,
    e.event,
    e.details::text as details,
    e.prev_hash,
    e.hash
from ingest.run_events as e;

comment on view ingest.v_event_chain is
    'The columns of each event in the form that its hash is made of, so that anybody can make it again.';
comment on column ingest.v_event_chain.at_us is 'Microseconds since 1970; null for a time that no clock gives.';

create view ingest.v_event_heads as
select h.import_run_id, h.seq, h.hash from ingest.event_heads as h;

comment on view ingest.v_event_heads is 'The last event of each run''s chain, as the next event will take it up.';

create table ingest.checkpoints (
    checkpoint_no integer not null,
    at timestamptz not null,
    actor text not null,
    tree_size integer not null,
    root bytea not null,
    constraint checkpoints_pkey primary key (checkpoint_no),
    constraint checkpoints_count_something check (checkpoint_no > 0 and tree_size >= 0),
    constraint checkpoints_root_is_a_hash check (octet_length(root) = 32)
);

comment on table ingest.checkpoints is
    'Each time that the heads of all chains were put under one hash: the root of a Merkle tree (RFC 9162, section 2.1.1).'
    ' Append-only. What makes it evidence is the copy that is kept outside the database.';
comment on column ingest.checkpoints.checkpoint_no is 'The checkpoint, from 1.';
comment on column ingest.checkpoints.at is 'Time of the database''s clock.';
comment on column ingest.checkpoints.actor is 'The database user of the session.';
comment on column ingest.checkpoints.tree_size is 'How many heads the tree has: one for each run, in the order of their ids.';
comment on column ingest.checkpoints.root is 'Root of the tree; a leaf is the run''s id (16 bytes), seq (4 bytes) and hash (32 bytes) of its head.';

create table ingest.checkpoint_heads (
    import_run_id uuid not null,
    checkpoint_no integer not null,
    seq integer not null,
    hash bytea not null,
    constraint checkpoint_heads_pkey primary key (import_run_id, checkpoint_no)
);

comment on table ingest.checkpoint_heads is
    'The heads that a checkpoint was the first to hold; a head that has not moved since is that of an earlier one. Append-only.';
comment on column ingest.checkpoint_heads.import_run_id is 'The run.';
comment on column ingest.checkpoint_heads.checkpoint_no is 'The checkpoint.';
comment on column ingest.checkpoint_heads.seq is 'seq of the run''s last event at that moment.';
comment on column ingest.checkpoint_heads.hash is 'hash of that event.';

create trigger checkpoints_append_only
before update or delete or truncate on ingest.checkpoints
for each statement execute function ingest._refuse_change();

create trigger checkpoint_heads_append_only
before update or delete or truncate on ingest.checkpoint_heads
for each statement execute function ingest._refuse_change();

alter table ingest.checkpoints enable always trigger checkpoints_append_only;
comment on trigger checkpoints_append_only on ingest.checkpoints is 'A checkpoint is never changed.';
alter table ingest.checkpoint_heads enable always trigger checkpoint_heads_append_only;
comment on trigger checkpoint_heads_append_only on ingest.checkpoint_heads is 'What a checkpoint held is never changed.';

create view ingest.v_checkpoints as
select c.checkpoint_no, c.at, c.actor, c.tree_size, c.root from ingest.checkpoints as c;

comment on view ingest.v_checkpoints is 'The checkpoints that were taken.';

create view ingest.v_checkpoint_heads as
select h.import_run_id, h.checkpoint_no, h.seq, h.hash from ingest.checkpoint_heads as h;

comment on view ingest.v_checkpoint_heads is
    'The heads under each checkpoint: of a run, the one of the highest checkpoint_no up to that checkpoint.';

create function ingest._merkle_root(p_leaves bytea[])
returns bytea
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Pairing level by level, the odd last one going up as it is, splits each range at the largest power of two below
    -- its size, which is how RFC 9162 defines the tree.
    v_level bytea[] := array(
        select sha256('\x00'::bytea || leaf.bytes)
        from unnest(p_leaves) with ordinality as leaf (bytes, place)
        order by leaf.place
    );
begin
    while cardinality(v_level) > 1 loop
        v_level := array(
            select case
                when count(*) = 2 then sha256('\x01'::bytea || string_agg(node.hash, ''::bytea order by node.place))
                else string_agg(node.hash, ''::bytea)
            end
            from unnest(v_level) with ordinality as node (hash, place)
            group by (node.place - 1) / 2
            order by (node.place - 1) / 2
        );
    end loop;
    return coalesce(v_level[1], sha256(''::bytea));
end
$$;

comment on function ingest._merkle_root(bytea[]) is 'Root of the Merkle tree over these leaves (RFC 9162, section 2.1.1).';

create function ingest.take_checkpoint()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_checkpoint_no integer;
begin
    -- one after the other; reading and verifying go on meanwhile
    lock table ingest.checkpoints in share row exclusive mode;
    select coalesce(max(c.checkpoint_no), 0) + 1 into v_checkpoint_no from ingest.checkpoints as c;

    -- One statement, so that the heads that are kept are those under the root.
    with heads as materialized (
        select h.import_run_id, h.seq, h.hash from ingest.event_heads as h
    ),
    moved as (
        insert into ingest.checkpoint_heads (import_run_id, checkpoint_no, seq, hash)
        select h.import_run_id, v_checkpoint_no, h.seq, h.hash
        from heads as h
        left join lateral (
            select k.hash
            from ingest.checkpoint_heads as k
            where k.import_run_id = h.import_run_id
            order by k.checkpoint_no desc
            limit 1
        ) as kept on true
        where kept.hash is distinct from h.hash
    )
    insert into ingest.checkpoints (checkpoint_no, at, actor, tree_size, root)
    select
        v_checkpoint_no,
        clock_timestamp(),
        session_user,
        count(*),
        ingest._merkle_root(
            array_agg(uuid_send(h.import_run_id) || int4send(h.seq) || h.hash order by h.import_run_id)
        )
    from heads as h;
    return v_checkpoint_no;
end
$$;

comment on function ingest.take_checkpoint() is 'Puts the heads of all chains under one root, keeps it, and returns its number.';

create type ingest.run_recount as (landed integer, rejected integer, last_row integer, represented integer);

comment on type ingest.run_recount is
    'Recounted from the landed rows of a run: all of them, the rejects, the highest row_number, and those that represent their key.';

create function ingest.recount_run(p_run_id uuid)
returns ingest.run_recount
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    select row(
        count(*)::integer,
        count(l.error_code)::integer,
        coalesce(max(l.row_number), 0),
        count(k.dedupe_key)::integer
    )::ingest.run_recount
    from ingest.landed_rows as l
    left join ingest.plaintiff_keys as k
        on k.dedupe_key = l.dedupe_key
        and k.owner_run_no = ingest._run_no(p_run_id)
        and k.owner_row_number = l.row_number
    where l.run_no = ingest._run_no(p_run_id)
$$;

comment on function ingest.recount_run(uuid) is 'Counts the landed rows of a run again.';

create function ingest.landed_by_chunk(p_run_id uuid)
returns table (chunk_no integer, records integer, first_row integer, last_row integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select
        l.chunk_no,
        count(*)::integer,
        min(l.row_number),
        max(l.row_number)
    from ingest.landed_rows as l
    where l.run_no = ingest._run_no(p_run_id)
    group by l.chunk_no
    order by min(l.row_number)
$$;

comment on function ingest.landed_by_chunk(uuid) is
    'The landed rows of a run as their chunks: to be held against what landed_chunks says.';

create function ingest.misrepresented_record(p_run_id uuid)
returns table (row_number integer, dedupe_key uuid, owner_run text, owner_row_number integer, owner_status text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    -- The representative of a key is the earliest record that a completed run of the source system holds.
    select
        l.row_number,
        l.dedupe_key,
        coalesce(owner.id::text, 'number ' || k.owner_run_no),
        k.owner_row_number,
        owner.status::text
    from ingest.import_runs as r
    inner join ingest.landed_rows as l on l.run_no = ingest._run_no(p_run_id)
    left join ingest.plaintiff_keys as k on k.dedupe_key = l.dedupe_key
    left join ingest.import_runs as owner on owner.run_no = k.owner_run_no
    where r.id = p_run_id
        and r.status = 'completed'
        and l.dedupe_key is not null
        and (
            owner.status = 'completed'
            and (owner.source_system <> r.source_system or (owner.publish_seq, k.owner_row_number) <= (r.publish_seq, l.row_number))
        ) is not true
    order by l.row_number
    limit 1
$$;

comment on function ingest.misrepresented_record(uuid) is
    'The first valid record of a completed run whose key nobody represents, or a later record; none when all is well.';

create function ingest.misowned_key(p_run_id uuid default null)
returns table (dedupe_key uuid, owner_run text, owner_row_number integer, owner_status text, is_published boolean)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    select
        k.dedupe_key,
        coalesce(r.id::text, 'number ' || k.owner_run_no),
        k.owner_row_number,
        r.status::text,
        r.publish_seq is not null
    from ingest.plaintiff_keys as k
    left join ingest.import_runs as r on r.run_no = k.owner_run_no
    left join ingest.landed_rows as l
        on l.run_no = k.owner_run_no
        and l.row_number = k.owner_row_number
    where (p_run_id is null or k.owner_run_no = ingest._run_no(p_run_id))
        and (l.dedupe_key is distinct from k.dedupe_key or r.publish_seq is null)
    order by k.owner_run_no, k.owner_row_number
    limit 1
$$;

comment on function ingest.misowned_key(uuid) is
    'The first key whose owner is not a landed valid record with that key of a run that was published; none when all is well.';

create function ingest.runless_landing()
returns table (import_run_id uuid, run_no integer, relation text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with recursive landed as (  -- one look into the index for each run, however many rows it has
        (select l.run_no from ingest.landed_rows as l order by l.run_no limit 1)
        union all
        select (
            select l.run_no
            from ingest.landed_rows as l
            where l.run_no > landed.run_no
            order by l.run_no
            limit 1
        )
        from landed
        where landed.run_no is not null
    )
    select held.import_run_id, held.run_no, held.relation
    from (
        select null::uuid as import_run_id, landed.run_no, 'landed_rows' as relation
        from landed
        where landed.run_no is not null
        union all
        select distinct c.import_run_id, null::integer, 'landed_chunks' from ingest.landed_chunks as c
    ) as held
    where not exists (select from ingest.import_runs as r where r.id = held.import_run_id)
        and not exists (select from ingest.import_runs as r where r.run_no = held.run_no)
    order by held.import_run_id, held.run_no
    limit 1
$$;

comment on function ingest.runless_landing() is
    'The first run id, else the first run number, under which something is landed and which no run has; none when all is well.';

create view ingest.v_record_origins as
select
    l.dedupe_key,
    l.import_run_id,
    l.row_number,
    l.status,
    l.error_code,
    r.source_system,
    r.source_batch_id,
    r.filename,
    r.file_hash,
    r.publish_seq,
    r.created_at,
    r.completed_at,
    r.rolled_back_at,
    r.rollback_reason,
    l.line_start,
    l.line_end,
    l.chunk_no,
    c.byte_start,
    c.byte_end,
    c.digest,
    c.attempt,
    c.landed_at,
    r.replays,
    l.replays_row
from ingest.plaintiffs_raw as l
inner join ingest.import_runs as r on r.id = l.import_run_id
left join ingest.landed_chunks as c
    on c.import_run_id = l.import_run_id
    and c.chunk_no = l.chunk_no;

comment on view ingest.v_record_origins is
    'Where each landed record stands: its run and file, its lines, the byte range and digest of its chunk. No cell of it.';
