-- What operators call to take a file out again: look first, undo, and let its file in once more.

create function ingest.rollback_import_run(p_run_id uuid, p_reason text default null)
returns table (success boolean, rows_affected integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_run ingest.import_runs;
    v_rows integer;
begin
    perform ingest._notice_lost_client();
    perform ingest._bound_idling();
    if not exists (select from ingest.import_runs as r where r.id = p_run_id) then
        return query select false, 0;
        return;
    end if;
    perform ingest._lock_source_system(p_run_id);
    select * into v_run from ingest.import_runs as r where r.id = p_run_id for update;
    if v_run.status = 'rolled_back' then
        return query select true, 0;
        return;
    end if;

    perform ingest._undo(v_run, coalesce(nullif(trim(p_reason), ''), 'no reason given'));
    select coalesce(sum(c.records), 0)::integer into v_rows from ingest.landed_chunks as c where c.import_run_id = p_run_id;
    return query select true, v_rows;
end
$$;

comment on function ingest.rollback_import_run(uuid, text) is
    'Undoes a run: its records become rolled_back, and keys that later runs also hold pass to these. Nothing is deleted.'
    ' rows_affected counts the run''s landed records; 0 when it was undone before. success is false for an unknown run.'
    ' No unattended import takes the file in again until the run is released.';

create function ingest._release(p_run ingest.import_runs, p_reason text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update ingest.import_runs as r
    set withheld = false,
        release_reason = p_reason
    where r.source_system = p_run.source_system
        and r.file_hash = p_run.file_hash
        and r.withheld;
    return found;
end
$$;

comment on function ingest._release(ingest.import_runs, text) is
    'Releases every undone run of the same bytes: the approval is of the file. Whether there was one.';

create function ingest.release_import_run(p_run_id uuid, p_reason text default null)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id for update;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    elsif v_run.status <> 'rolled_back' then
        raise exception 'run % is %, and only a rolled-back run is released', p_run_id, v_run.status
            using errcode = 'ML009';
    end if;
    return ingest._release(v_run, coalesce(nullif(trim(p_reason), ''), 'no reason given'));
end
$$;

comment on function ingest.release_import_run(uuid, text) is
    'Lets unattended imports take the file of a rolled-back run in again, whichever run of it was undone. False when'
    ' nothing kept them from it.';

create function ingest.heirs_of_run(p_run_id uuid)
returns table (
    run_id uuid,
    records integer,
    rows_inserted integer,
    rows_inserted_after integer,
    rows_skipped integer,
    rows_skipped_after integer
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    select
        r.id,
        passed.records,
        r.rows_inserted,
        r.rows_inserted + passed.records,
        r.rows_skipped,
        r.rows_skipped - passed.records
    from ingest.import_runs as undone
    cross join lateral (
        select heirs.heir_run_no, count(*)::integer as records
        from ingest._heirs(p_run_id) as heirs
        group by heirs.heir_run_no
    ) as passed
    inner join ingest.import_runs as r on r.run_no = passed.heir_run_no
    where undone.id = p_run_id
        and undone.status = 'completed'
    order by r.publish_seq
$$;

comment on function ingest.heirs_of_run(uuid) is
    'The runs to which a rollback would pass records, how many, and what becomes of their counts. Writes nothing.';

create function ingest.keys_without_heir(p_run_id uuid)
returns setof uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    select k.dedupe_key
    from ingest.import_runs as r
    cross join lateral ingest._owned_keys(r.id) as k (dedupe_key)
    where r.id = p_run_id
        and r.status = 'completed'
    except
    select heirs.dedupe_key
    from ingest._heirs(p_run_id) as heirs
$$;

comment on function ingest.keys_without_heir(uuid) is
    'The keys that would lose their record if the run were undone: what a dry run counts as gone. Writes nothing.';

-- Runs with the caller's rights: how many rows another table has is for those to see who may read it.
create function ingest.preview_rollback(p_run_id uuid)
returns table (rows_affected integer, rows_gone integer, rows_passed integer, heirs jsonb, referenced_by jsonb)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_status ingest.import_status;
    v_inserted integer;
    v_gone uuid[];
    v_reference record;
    v_rows bigint;
begin
    select r.status, r.rows_inserted into v_status, v_inserted from ingest.v_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    select case when v_status = 'rolled_back' then 0 else coalesce(sum(c.records), 0)::integer end
    into rows_affected
    from ingest.v_landed_chunks as c
    where c.import_run_id = p_run_id;
    select coalesce(sum(h.records), 0)::integer, coalesce(jsonb_agg(to_jsonb(h)), '[]')
    into rows_passed, heirs
    from ingest.heirs_of_run(p_run_id) as h;
    -- a run that landed its records owns as many keys as it inserted
    rows_gone := case when v_status = 'completed' and rows_affected > 0 then v_inserted - rows_passed else 0 end;

    referenced_by := '[]';
    for v_reference in
        select c.conrelid, n.nspname, t.relname, a.attname
        from pg_catalog.pg_constraint as c
        inner join pg_catalog.pg_class as t on t.oid = c.conrelid
        inner join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
        inner join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f'
            and c.confrelid = 'ingest.plaintiff_keys'::regclass
            and c.conparentid = 0  -- the partitions' own copies of a constraint
        order by n.nspname, t.relname, a.attname
    loop
        v_rows := null;
        v_gone := coalesce(v_gone, array(select ingest.keys_without_heir(p_run_id)));
        -- with policies in between, the count would be of what the caller sees
        if has_schema_privilege(v_reference.nspname, 'usage')
            and has_column_privilege(v_reference.conrelid, v_reference.attname, 'select')
            and not row_security_active(v_reference.conrelid)
        then
            execute format(
                'select count(*) from %I.%I as t inner join unnest($1) as gone (dedupe_key) on gone.dedupe_key = t.%I',
                v_reference.nspname, v_reference.relname, v_reference.attname
            )
            into v_rows
            using v_gone;
        end if;
        referenced_by := referenced_by || jsonb_build_object(
            'relation', format('%I.%I', v_reference.nspname, v_reference.relname),
            'column_name', v_reference.attname,
            'records', v_rows
        );
    end loop;
    return next;
end
$$;

comment on function ingest.preview_rollback(uuid) is
    'What rollback_import_run would do now, and writes nothing: records that become rolled_back; keys that lose their'
    ' record, and keys that pass on; the heirs with their counts before and after; for each foreign key to'
    ' plaintiff_keys how many rows refer to a key that would lose its record, null where the caller may not see all of them.';
