-- Rejects come back. A corrected file is a run of its own that replays another run's rejects: each of its records may
-- stand for one of them (landed_rows.replays_row). Nothing of the other run is changed; which of its rejects are fixed
-- is derived from the runs that replay it, so that undoing one of these makes its rejects outstanding again.

create function ingest.fixed_rejects(p_run_id uuid, p_without uuid default null)
returns table (row_number integer, fixed_by_run uuid, fixed_by_row integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- a reject may stand for one of another run, and that one for a third, each by a record of run `by`
    with recursive stands_for as (
        select
            l.row_number as reject,
            r.id as by,
            r.replays as run_id,
            l.replays_row as row_number,
            coalesce(r.publish_seq, 0) as since
        from ingest.import_runs as r
        inner join ingest.landed_rows as l on l.run_no = r.run_no
        where r.id = p_run_id
            and r.replays is not null
            and l.replays_row is not null
            and l.error_code is not null
        union all
        select stands_for.reject, r.id, r.replays, l.replays_row, stands_for.since
        from stands_for
        inner join ingest.import_runs as r on r.id = stands_for.run_id
        inner join ingest.landed_rows as l
            on l.run_no = r.run_no
            and l.row_number = stands_for.row_number
        where r.replays is not null
            and l.replays_row is not null
    ),

    -- a record that was rejected again may be fixed in its turn, by a run that replays that one
    standing as (
        (
            select r.id as run_id, l.row_number, l.replays_row as reject, l.error_code, 0::bigint as since
            from ingest.import_runs as r
            inner join ingest.landed_rows as l on l.run_no = r.run_no
            where r.replays = p_run_id
                and l.replays_row is not null
            union all
            -- other runs' only: where one reject was made two records, the valid one does not fix the other
            select r.id, l.row_number, stands_for.reject, l.error_code, stands_for.since
            from stands_for
            inner join ingest.import_runs as r
                on r.replays = stands_for.run_id
                and r.id <> stands_for.by
            inner join ingest.landed_rows as l
                on l.run_no = r.run_no
                and l.replays_row = stands_for.row_number
        )
        union
        select r.id, l.row_number, standing.reject, l.error_code, standing.since
        from standing
        inner join ingest.import_runs as r on r.replays = standing.run_id
        inner join ingest.landed_rows as l
            on l.run_no = r.run_no
            and l.replays_row = standing.row_number
        where standing.error_code is not null
    )
    select distinct on (standing.reject) standing.reject, standing.run_id, standing.row_number
    from standing
    inner join ingest.import_runs as r on r.id = standing.run_id
    where standing.error_code is null
        and r.status = 'completed'
        and r.publish_seq > standing.since
        and r.id is distinct from p_without
    order by standing.reject, r.publish_seq, standing.row_number
$$;

comment on function ingest.fixed_rejects(uuid, uuid) is
    'The rejects of the run for which a valid record of a completed run stands, each once, with the earliest such record;'
    ' of a reject that stands for one of another run also such a record of a later run that stands for that one.'
    ' As if p_without were undone.';

create function ingest.reject_counts(p_run_id uuid, p_fixing integer[] default '{}', p_without uuid default null)
returns table (rejects integer, fixed integer, outstanding integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select counted.rejects, counted.fixed, counted.rejects - counted.fixed
    from (
        select
            (
                select count(*)::integer
                from ingest.landed_rows as l
                where l.run_no = ingest._run_no(p_run_id)
                    and l.error_code is not null
            ) as rejects,
            (
                select count(*)::integer
                from (
                    select fixed.row_number
                    from ingest.fixed_rejects(p_run_id, p_without) as fixed
                    union
                    select l.row_number
                    from unnest(p_fixing) as named (row_number)
                    inner join ingest.landed_rows as l
                        on l.run_no = ingest._run_no(p_run_id)
                        and l.row_number = named.row_number
                    where l.error_code is not null
                ) as fixed
            ) as fixed
    ) as counted
$$;

comment on function ingest.reject_counts(uuid, integer[], uuid) is
    'How many rejects the run has, and how many of them are fixed and outstanding; as if valid records stood for the rows'
    ' p_fixing too, and as if run p_without were undone.';

create function ingest.fixes_digest(p_run_id uuid)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select encode(
        sha256(
            string_agg(
                ingest._length_prefixed(l.row_number::text) || ingest._length_prefixed(l.replays_row::text),
                ''::bytea order by l.row_number
            )
        ),
        'hex'
    )
    from ingest.landed_rows as l
    where l.run_no = ingest._run_no(p_run_id)
        and l.replays_row is not null
$$;

comment on function ingest.fixes_digest(uuid) is
    'One SHA-256 over row_number and replays_row of the records that stand for rejects; null when none does.';

create function ingest.require_replayable(
    p_run_id uuid,
    p_source_system text,
    p_file_hash text,
    p_row_numbers integer[]
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
    v_no_reject integer;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    elsif v_run.source_system <> p_source_system then
        raise exception 'run % is of another source system: its rejects come back as records of ''%''',
            p_run_id, v_run.source_system
            using errcode = 'ML009';
    elsif v_run.file_hash = p_file_hash then
        raise exception 'run % is of the very same bytes: nothing of it was corrected', p_run_id
            using errcode = 'ML009';
    elsif v_run.status <> 'completed' then
        raise exception 'run % is %, and only a completed run''s rejects come back', p_run_id, v_run.status
            using errcode = 'ML009';
    elsif coalesce(cardinality(p_row_numbers), 0) = 0 then
        raise exception 'no record names a reject of run % that it stands for', p_run_id using errcode = 'ML009';
    end if;
    select named.row_number into v_no_reject
    from unnest(p_row_numbers) as named (row_number)
    where not exists (
        select
        from ingest.landed_rows as l
        where l.run_no = v_run.run_no
            and l.row_number = named.row_number
            and l.error_code is not null
    )
    order by named.row_number
    limit 1;
    if found then
        raise exception 'row % of run % is no reject, and a record of the file stands for it', v_no_reject, p_run_id
            using errcode = 'ML009';
    end if;
end
$$;

comment on function ingest.require_replayable(uuid, text, text, integer[]) is
    'Raises ML009 unless records of a file of these bytes may stand for these rows of the run. What publishes asks again.';

create function ingest._replay(p_run_id uuid, p_replays uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
    v_replayed ingest.import_runs;
    v_rows integer[];
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if v_run.replays = p_replays then
        return;  -- done before, and the acknowledgement was lost
    elsif p_replays is not null and v_run.replays is not null then
        raise exception 'run % replays run % already', p_run_id, v_run.replays using errcode = 'ML009';
    elsif v_run.replays is not null then
        return;
    end if;
    v_rows := array(
        select l.replays_row
        from ingest.landed_rows as l
        where l.run_no = v_run.run_no
            and l.replays_row is not null
    );
    if p_replays is null then
        if cardinality(v_rows) > 0 then
            raise exception 'records of run % stand for rejects of a run that is not named', p_run_id
                using errcode = 'ML009', hint = 'name it: p_replays';
        end if;
        return;
    end if;
    perform ingest.require_replayable(p_replays, v_run.source_system, v_run.file_hash, v_rows);
    update ingest.import_runs as r set replays = p_replays where r.id = p_run_id;

    select * into v_replayed from ingest.import_runs as r where r.id = p_replays;
    perform ingest._append_event(
        p_replays,
        'replayed',
        null,
        v_replayed.attempt,
        jsonb_build_object(
            'replayed_by', p_run_id, 'records', cardinality(v_rows), 'fixes_digest', ingest.fixes_digest(p_run_id)
        )
    );
end
$$;

comment on function ingest._replay(uuid, uuid) is
    'Makes the records of the first run stand for rejects of the second, if one is given; twice is once. The caller holds'
    ' the source system and the first run, and has published that one.';

create function ingest.misplaced_fix(p_run_id uuid)
returns table (row_number integer, replays_row integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.row_number, l.replays_row
    from ingest.import_runs as r
    inner join ingest.landed_rows as l on l.run_no = r.run_no
    where r.id = p_run_id
        and r.publish_seq is not null
        and l.replays_row is not null
        and not exists (
            select
            from ingest.import_runs as replayed
            inner join ingest.landed_rows as rejected on rejected.run_no = replayed.run_no
            where replayed.id = r.replays
                and rejected.row_number = l.replays_row
                and rejected.error_code is not null
        )
    order by l.row_number
    limit 1
$$;

comment on function ingest.misplaced_fix(uuid) is
    'The first record of a published run that stands for what is no reject of the run that it replays; none when all is well.';
