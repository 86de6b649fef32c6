-- Undoing, the other change of the active set: what a rollback, a replacement and the preview of a rollback share.

create function ingest._owned_keys(p_run_id uuid)
returns setof uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select k.dedupe_key
    from ingest.landed_rows as owned
    inner join ingest.plaintiff_keys as k
        on k.dedupe_key = owned.dedupe_key
        and k.owner_row_number = owned.row_number
    where owned.run_no = ingest._run_no(p_run_id)
        and k.owner_run_no = ingest._run_no(p_run_id)
$$;

comment on function ingest._owned_keys(uuid) is
    'The keys that the run''s records represent, found by its records: the keys have no index by owner.';

-- An heir is published later: a run published earlier that holds the key would own it. And it is skipped as long as it
-- is none. So most runs have no heirs at all. Where there may be one, the shorter of the two lists is looked up in the
-- other, the keys of the run or the records of the later ones: records have no index by key, which would make landing
-- them a third dearer.
create function ingest._heirs(p_owner_run_id uuid)
returns table (dedupe_key uuid, heir_run_no integer, heir_row_number integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    with later_run as materialized (
        select later.run_no, later.publish_seq, owner_run.rows_inserted as owned, later.rows_fetched as records
        from ingest.import_runs as owner_run
        inner join ingest.import_runs as later
            on later.source_system = owner_run.source_system
            and later.publish_seq > owner_run.publish_seq
            and later.status = 'completed'
            and later.rows_skipped > 0
        where owner_run.id = p_owner_run_id
    ),
    lists as (
        select min(later.owned) < sum(later.records) as owner_has_the_shorter from later_run as later
    ),
    owned as materialized (
        select k.dedupe_key
        from ingest._owned_keys(p_owner_run_id) as k (dedupe_key)
        where (select lists.owner_has_the_shorter from lists)
    ),
    held as (
        select l.dedupe_key, later.run_no, l.row_number, later.publish_seq
        from later_run as later
        inner join ingest.landed_rows as l on l.run_no = later.run_no
        inner join owned on owned.dedupe_key = l.dedupe_key
        union all
        select l.dedupe_key, later.run_no, l.row_number, later.publish_seq
        from later_run as later
        inner join ingest.landed_rows as l on l.run_no = later.run_no
        inner join ingest.plaintiff_keys as k
            on k.dedupe_key = l.dedupe_key
            and k.owner_run_no = ingest._run_no(p_owner_run_id)
        where not (select lists.owner_has_the_shorter from lists)
    )
    select distinct on (held.dedupe_key) held.dedupe_key, held.run_no, held.row_number
    from held
    order by held.dedupe_key, held.publish_seq, held.row_number
$$;

comment on function ingest._heirs(uuid) is
    'For each key of the run that a later completed run of its source system also holds, the earliest such record: the'
    ' one that takes the key over.';

create function ingest._pass_keys_on(p_run_id uuid)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
declare
    v_heir record;
    v_passed integer := 0;
begin
    for v_heir in
        with passed as (
            update ingest.plaintiff_keys as k
            set owner_run_no = heirs.heir_run_no,
                owner_row_number = heirs.heir_row_number
            from ingest._heirs(p_run_id) as heirs
            where k.dedupe_key = heirs.dedupe_key
            returning k.owner_run_no
        )
        select passed.owner_run_no as run_no, count(*)::integer as records
        from passed
        group by passed.owner_run_no
        order by passed.owner_run_no
    loop
        update ingest.import_runs as r
        set rows_inserted = r.rows_inserted + v_heir.records,
            rows_skipped = r.rows_skipped - v_heir.records
        where r.run_no = v_heir.run_no;
        v_passed := v_passed + v_heir.records;
    end loop;
    return v_passed;
end
$$;

comment on function ingest._pass_keys_on(uuid) is
    'Gives each key of the run to its heir and corrects the heirs'' counts; how many were passed on.';

create function ingest._undo(p_run ingest.import_runs, p_reason text, p_replaced_by uuid default null)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Keys first: what takes long is done before the first event is written, which a refused claim would wait for.
    if p_run.status = 'completed' then
        perform ingest._pass_keys_on(p_run.id);
        update ingest.source_systems as s
        set rollbacks = s.rollbacks + 1
        where s.source_system = p_run.source_system;
    end if;
    update ingest.import_runs as r
    set status = 'rolled_back',
        rollback_reason = p_reason,
        replaced_by = p_replaced_by,
        withheld = true
    where r.id = p_run.id;
end
$$;

comment on function ingest._undo(ingest.import_runs, text, uuid) is
    'Undoes a run because somebody wants it. The caller holds the source system and the run.';

create function ingest.require_replaceable(p_run_id uuid, p_source_system text, p_file_hash text)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    elsif v_run.source_system <> p_source_system then
        raise exception 'run % is of source system %, the file of another, %: a file replaces one of its own',
            p_run_id, v_run.source_system, p_source_system
            using errcode = 'ML009';
    elsif v_run.file_hash = p_file_hash then
        raise exception 'run % is of the very same bytes: there is nothing to replace it with', p_run_id
            using errcode = 'ML009';
    elsif v_run.status <> 'completed' then
        raise exception 'run % is %, and only a completed run is replaced', p_run_id,
            v_run.status || coalesce(' and replaced by run ' || v_run.replaced_by, '')
            using errcode = 'ML009';
    end if;
end
$$;

comment on function ingest.require_replaceable(uuid, text, text) is
    'Raises ML009 unless a file of these bytes may take the place of the run. What publishes asks again.';

create function ingest._replace(p_run_id uuid, p_replaces uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
    v_replaced ingest.import_runs;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if p_replaces is null or v_run.replaces = p_replaces then
        return;  -- nothing to replace, or replaced before and the acknowledgement was lost
    elsif v_run.replaces is not null then
        raise exception 'run % replaces run % already: undo the other by a rollback', p_run_id, v_run.replaces
            using errcode = 'ML009';
    end if;
    select * into v_replaced from ingest.import_runs as r where r.id = p_replaces for update;
    perform ingest.require_replaceable(p_replaces, v_run.source_system, v_run.file_hash);
    perform ingest._undo(v_replaced, 'replaced by run ' || p_run_id, p_run_id);
    update ingest.import_runs as r set replaces = p_replaces where r.id = p_run_id;
end
$$;

comment on function ingest._replace(uuid, uuid) is
    'Undoes the second run, if one is given, in favour of the first; twice is once. The caller holds the source system'
    ' and the first run, and publishes that one after this, so that it takes over what the other leaves.';
