-- What a delivery looks like, so that a vendor's next one can be held against those before it without a look at their
-- records: the header, and for each chunk how many cells of each column are filled and what the amounts sum up to. It is
-- written in the transaction that lands the chunk, so that a continued run has it of the chunks that it does not read.
-- No cell is in it.

create table ingest.chunk_profiles (
    import_run_id uuid not null,
    chunk_no integer not null,
    records integer not null,
    rejected integer not null,
    filled integer[] not null,
    valid_total numeric(38, 2) not null,
    rejected_total numeric(38, 2) not null,
    unread_amounts integer not null,
    constraint chunk_profiles_pkey primary key (import_run_id, chunk_no),
    constraint chunk_profiles_counts_fit check (
        0 <= rejected and rejected <= records
        and 0 <= unread_amounts and unread_amounts <= rejected
        and 0 <= all (filled) and records >= all (filled)
    )
);

comment on table ingest.chunk_profiles is 'Counts and sums over the records of each landed chunk. Append-only.';
comment on column ingest.chunk_profiles.import_run_id is 'The run.';
comment on column ingest.chunk_profiles.chunk_no is 'The chunk.';
comment on column ingest.chunk_profiles.records is 'Records of the chunk.';
comment on column ingest.chunk_profiles.rejected is 'Rejects among them.';
comment on column ingest.chunk_profiles.filled is 'For each column of the header, how many records have more than white space there.';
comment on column ingest.chunk_profiles.valid_total is 'Sum of judgment_amount of the valid records.';
comment on column ingest.chunk_profiles.rejected_total is
    'Sum of the amounts of the rejects, which landed_rows does not hold; negative ones count as such.';
comment on column ingest.chunk_profiles.unread_amounts is 'Rejects that cannot be read, or whose amount is none: in no sum.';

create trigger chunk_profiles_append_only
before update or delete or truncate on ingest.chunk_profiles
for each statement execute function ingest._refuse_change();

alter table ingest.chunk_profiles enable always trigger chunk_profiles_append_only;
comment on trigger chunk_profiles_append_only on ingest.chunk_profiles is 'A profile is never changed.';

create function ingest.describe_source(p_run_id uuid, p_layout jsonb, p_worker_id text, p_attempt integer)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    if ingest.redact(p_layout) <> p_layout then
        raise exception 'a column''s name holds a social security or card number'
            using errcode = 'ML007', hint = 'redact it, as ingest.redact does';
    end if;
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    -- of the same attempt: who took the run over meanwhile has described it, or will
    update ingest.import_runs as r
    set source_layout = p_layout
    where r.id = p_run_id
        and r.attempt = v_run.attempt
        and r.status = 'processing'
        and r.source_layout is distinct from p_layout;
end
$$;

comment on function ingest.describe_source(uuid, jsonb, text, integer) is
    'Keeps the order of the file''s columns, and how it writes its cells, for the export of its rejects (a payload in jsonb'
    ' has no order) and for the files after it. Raises ML001 once the lease is lost.';

create function ingest.note_chunk(
    p_run_id uuid,
    p_chunk_no integer,
    p_records integer,
    p_rejected integer,
    p_filled integer[],
    p_valid_total numeric,
    p_rejected_total numeric,
    p_unread_amounts integer,
    p_worker_id text default null,
    p_attempt integer default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    v_run := ingest._fenced_run(p_run_id);
    perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    if not exists (
        select
        from ingest.landed_chunks as c
        where c.import_run_id = p_run_id
            and c.chunk_no = p_chunk_no
            and c.records = p_records
    ) then
        raise exception 'there is no chunk % of % records', p_chunk_no, p_records using errcode = 'ML006';
    end if;
    insert into ingest.chunk_profiles
        (import_run_id, chunk_no, records, rejected, filled, valid_total, rejected_total, unread_amounts)
    values
        (p_run_id, p_chunk_no, p_records, p_rejected, p_filled, p_valid_total, p_rejected_total, p_unread_amounts);
end
$$;

comment on function ingest.note_chunk(uuid, integer, integer, integer, integer[], numeric, numeric, integer, text, integer) is
    'Keeps the profile of a chunk, in the transaction that lands it. Raises ML001 once the lease is lost.';

create view ingest.v_run_profiles as
select
    r.id as import_run_id,
    r.source_system,
    r.status,
    r.publish_seq,
    r.replays,
    array(select jsonb_array_elements_text(r.source_layout -> 'columns')) as header,
    r.source_layout,
    coalesce(chunks.records, 0) as records,
    coalesce(chunks.rejected, 0) as rejected,
    columns.filled,
    r.rows_inserted,
    r.rows_skipped,
    chunks.total_amount,
    coalesce(chunks.unread_amounts, 0) as unread_amounts
from ingest.import_runs as r
cross join lateral (
    select
        sum(c.records)::integer as records,
        sum(c.rejected)::integer as rejected,
        sum(c.valid_total + c.rejected_total) as total_amount,
        sum(c.unread_amounts)::integer as unread_amounts
    from ingest.chunk_profiles as c
    where c.import_run_id = r.id
) as chunks
cross join lateral (
    select array_agg(of_column.filled order by of_column.place) as filled
    from (
        select counted.place, sum(counted.filled)::integer as filled
        from ingest.chunk_profiles as c
        cross join lateral unnest(c.filled) with ordinality as counted (filled, place)
        where c.import_run_id = r.id
        group by counted.place
    ) as of_column
) as columns
where r.source_layout is not null;

comment on view ingest.v_run_profiles is 'What the file of each run looks like: header, counts and sums; no cell of it.';
comment on column ingest.v_run_profiles.header is 'Names of the columns in their order, redacted and each of them once.';
comment on column ingest.v_run_profiles.source_layout is 'The file''s columns, redacted, and its delimiter, quote and encoding.';
comment on column ingest.v_run_profiles.records is 'Records of the chunks that are landed.';
comment on column ingest.v_run_profiles.rejected is 'Rejects among them.';
comment on column ingest.v_run_profiles.filled is 'For each column of the header, how many records have more than white space there.';
comment on column ingest.v_run_profiles.total_amount is 'Sum of all amounts that can be read, those of rejects included.';
comment on column ingest.v_run_profiles.unread_amounts is 'Records whose amount cannot be read.';

create function ingest.record_drift(
    p_run_id uuid,
    p_findings jsonb,
    p_worker_id text default null,
    p_attempt integer default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
    v_details jsonb := jsonb_build_object('findings', p_findings);
begin
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    v_run := ingest._fenced_run(p_run_id);
    -- the share of duplicates is known when the run is published, a moment ago by this very caller
    if v_run.status <> 'completed' or p_attempt is distinct from v_run.ended_attempt then
        perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    end if;
    if not exists (
        select
        from ingest.run_events as e
        where e.import_run_id = p_run_id
            and e.attempt = v_run.attempt
            and e.event = 'drifted'
            and e.details = v_details
    ) then
        perform ingest._append_event(p_run_id, 'drifted', p_worker_id, v_run.attempt, v_details);
    end if;
end
$$;

comment on function ingest.record_drift(uuid, jsonb, text, integer) is
    'Leaves an event of how the run''s file differs from those before it, once for an attempt. Raises ML001 once the lease'
    ' is lost.';
