-- Publishing and undoing, the two changes of the active set. Both lock the source system's row first and the run second,
-- always in this order, so that publications of one source system happen one after the other and never deadlock.

create function ingest._lock_source_system(p_run_id uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source_system text;
begin
    -- after the wait below each statement has to see what was committed meanwhile
    perform ingest._require_read_committed('publishing and undoing');
    select r.source_system into v_source_system from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    insert into ingest.source_systems (source_system) values (v_source_system)
    on conflict (source_system) do nothing;
    perform from ingest.source_systems as s where s.source_system = v_source_system for update;
end
$$;

comment on function ingest._lock_source_system(uuid) is
    'Until the end of the transaction nothing else of the run''s source system is published or undone.';

create function ingest._take_fresh_keys(p_run_id uuid, p_first_row integer, p_last_row integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
set enable_seqscan = off
as $$
declare
    c_most_at_once constant integer := 1000000;
    v_run_no integer := ingest._run_no(p_run_id);
    v_last_row integer := (
        select coalesce(max(l.row_number), 0)
        from ingest.landed_rows as l
        where l.run_no = v_run_no
            and l.row_number between p_first_row and p_last_row
    );
    v_records numeric := greatest(v_last_row - p_first_row + 1, 1)::numeric;
    v_at_once integer := ceil(v_records / ceil(v_records / c_most_at_once::numeric))::integer;
    v_part integer;
    v_taken integer := 0;
begin
    -- Sorted, so that the index of keys is read and filled page after page, and in parts of one size, because a small one
    -- goes through a large index as a large one does. One scan of it looks for all keys of a part: each by itself would be
    -- sought from the root. A join with the table would now and then be planned as one with all keys that were ever
    -- published. A conflict clause costs twice that.
    for v_first_row in p_first_row..v_last_row by v_at_once loop
        with first_of_key as materialized (
            select distinct on (l.dedupe_key)
                l.dedupe_key,
                l.row_number
            from ingest.landed_rows as l
            where l.run_no = v_run_no
                and l.row_number between v_first_row and v_first_row + least(v_last_row - v_first_row, v_at_once - 1)
                and l.dedupe_key is not null
            order by l.dedupe_key, l.row_number
        ),
        held as materialized (
            select k.dedupe_key
            from ingest.plaintiff_keys as k
            where k.dedupe_key = any(array(select f.dedupe_key from first_of_key as f))
        )
        insert into ingest.plaintiff_keys (dedupe_key, owner_run_no, owner_row_number)
        select
            f.dedupe_key,
            v_run_no,
            f.row_number
        from first_of_key as f
        where f.dedupe_key not in (select held.dedupe_key from held);
        get diagnostics v_part = row_count;
        v_taken := v_taken + v_part;
    end loop;
    return v_taken;
end
$$;

comment on function ingest._take_fresh_keys(uuid, integer, integer) is
    'Gives the run the keys of these records that nobody ever had, the first of them winning; how many. To be called from'
    ' the first record of the file on.';

create function ingest._take_ownerless_keys(p_run_id uuid)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
declare
    v_run_no integer := ingest._run_no(p_run_id);
    v_taken integer;
begin
    if not exists (
        select
        from ingest.import_runs as r
        inner join ingest.source_systems as s on s.source_system = r.source_system
        where r.id = p_run_id
            and s.rollbacks > 0
    ) then
        return 0;
    end if;
    update ingest.plaintiff_keys as k
    set owner_run_no = v_run_no,
        owner_row_number = first_of_key.row_number
    from (
        select distinct on (l.dedupe_key)
            l.dedupe_key,
            l.row_number
        from ingest.landed_rows as l
        where l.run_no = v_run_no
            and l.dedupe_key is not null
        order by l.dedupe_key, l.row_number
    ) as first_of_key
    cross join ingest.import_runs as former_owner
    where k.dedupe_key = first_of_key.dedupe_key
        and former_owner.run_no = k.owner_run_no
        and former_owner.status = 'rolled_back';
    get diagnostics v_taken = row_count;
    return v_taken;
end
$$;

comment on function ingest._take_ownerless_keys(uuid) is
    'Gives the run the keys of its records whose owner was rolled back, the first record of the file winning; how many.';

create function ingest._take_keys(p_run_id uuid)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_early ingest.early_keys;
begin
    delete from ingest.early_keys as e where e.import_run_id = p_run_id returning e.* into v_early;
    return coalesce(v_early.taken, 0)
        + ingest._take_fresh_keys(p_run_id, coalesce(v_early.records, 0) + 1, 2147483647)
        + ingest._take_ownerless_keys(p_run_id);
end
$$;

comment on function ingest._take_keys(uuid) is
    'Gives the run every key of its valid records that nobody holds, the first record of the file winning; how many,'
    ' those that were taken early in this transaction included.';

create function ingest._count_rows(p_run_id uuid, p_first_row integer, p_last_row integer)
returns table (landed integer, rejected integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*)::integer, count(l.error_code)::integer
    from ingest.landed_rows as l
    where l.run_no = ingest._run_no(p_run_id)
        and l.row_number between p_first_row and p_last_row
$$;

comment on function ingest._count_rows(uuid, integer, integer) is
    'Counts the landed rows of this range of a run, and the rejects among them.';

create type ingest.landed_counts as (landed integer, rejected integer, is_whole boolean);

comment on type ingest.landed_counts is
    'How many records of a run are landed, how many of these are rejects, and whether its chunks are all of a file:'
    ' numbered from 0, each beginning at the byte and at the record where the one before it ends.';

create function ingest._count_landed(p_run_id uuid)
returns ingest.landed_counts
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with placed as (
        select
            c.chunk_no = row_number() over run - 1
            and c.byte_start = coalesce(lag(c.byte_end) over run, c.byte_start)
            and c.first_row = 1 + coalesce(sum(c.records) over (run rows between unbounded preceding and 1 preceding), 0)
                as fits,
            c.records
        from ingest.landed_chunks as c
        where c.import_run_id = p_run_id
        window run as (order by c.chunk_no)
    ),
    chunks as (
        select coalesce(bool_and(placed.fits), true) as fit, coalesce(sum(placed.records), 0) as records
        from placed
    ),
    recounted as (
        select
            coalesce(early.landed, 0) + others.landed as landed,
            coalesce(early.rejected, 0) + others.rejected as rejected
        from (select p_run_id as import_run_id) as run
        left join ingest.early_keys as early using (import_run_id)
        cross join lateral ingest._count_rows(p_run_id, coalesce(early.records, 0) + 1, 2147483647) as others
    )
    select row(recounted.landed, recounted.rejected, chunks.fit and chunks.records = recounted.landed)::ingest.landed_counts
    from recounted, chunks
$$;

comment on function ingest._count_landed(uuid) is
    'Recounts the landed rows of a run, each once: those whose keys this transaction took early were counted then. Proves'
    ' that its chunks tile the file.';

create function ingest._complete(p_run_id uuid, p_fetched integer, p_inserted integer, p_errored integer)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_publish_seq bigint;
begin
    -- what holds early keys comes first: the earliest publication is the one that a key belongs to
    if exists (select from ingest.early_keys as e where e.import_run_id <> p_run_id) then
        raise exception 'run % cannot be published while another one holds early keys', p_run_id
            using errcode = 'ML008', hint = 'publish one run in a transaction';
    end if;

    update ingest.source_systems as s
    set last_publish_seq = s.last_publish_seq + 1
    from ingest.import_runs as r
    where r.id = p_run_id
        and s.source_system = r.source_system
    returning s.last_publish_seq into v_publish_seq;

    update ingest.import_runs as r
    set status = 'completed',
        rows_fetched = p_fetched,
        rows_inserted = p_inserted,
        rows_skipped = p_fetched - p_inserted - p_errored,
        rows_errored = p_errored,
        publish_seq = v_publish_seq,
        completed_at = clock_timestamp(),
        ended_attempt = r.attempt
    where r.id = p_run_id;
end
$$;

comment on function ingest._complete(uuid, integer, integer, integer) is
    'Completes a run with these counts. The caller holds the source system and the run.';

create function ingest._publish(p_run_id uuid, p_landed ingest.landed_counts)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ingest._complete(p_run_id, p_landed.landed, ingest._take_keys(p_run_id), p_landed.rejected)
$$;

comment on function ingest._publish(uuid, ingest.landed_counts) is
    'Makes the landed rows of a run active and the run completed. The caller holds the source system and the run.';

create function ingest._fail(p_run_id uuid, p_error_details jsonb)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    update ingest.import_runs as r
    set status = 'failed',
        error_details = p_error_details,
        ended_attempt = r.attempt
    where r.id = p_run_id
$$;

comment on function ingest._fail(uuid, jsonb) is 'Fails a run whose holder reported the end.';

create function ingest._fail_reconciliation(p_run_id uuid, p_worker_id text, p_counts jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    perform ingest._append_event(
        p_run_id,
        'reconciliation_failed',
        p_worker_id,
        v_run.attempt,
        jsonb_build_object('status', v_run.status) || p_counts
    );
    perform ingest._fail(
        p_run_id,
        jsonb_strip_nulls(jsonb_build_object('fatal', true, 'code', 'RECONCILIATION_MISMATCH') || p_counts)
    );
end
$$;

comment on function ingest._fail_reconciliation(uuid, text, jsonb) is 'Fails a run whose counts do not agree, and says so.';

create function ingest.active_keys(p_keys uuid[])
returns setof uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select k.dedupe_key
    from unnest(p_keys) as asked (dedupe_key)
    inner join ingest.plaintiff_keys as k on k.dedupe_key = asked.dedupe_key
    inner join ingest.import_runs as r on r.run_no = k.owner_run_no
    where r.status = 'completed'
$$;

comment on function ingest.active_keys(uuid[]) is 'Those of the keys that a plaintiff of the active set has: what a dry run skips.';
