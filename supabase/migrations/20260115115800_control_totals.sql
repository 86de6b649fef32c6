-- Control totals: what a vendor says of a delivery beside it. They are stated under the lease, before anything lands, and
-- held against the landed records before anything is published. The constraints make sure that no run is completed whose
-- control totals do not hold, whoever completes it and however.

create function ingest._amount_text(p_amount numeric)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select to_char(p_amount, 'FM999,999,999,999,999,999,999,999,999,990.00')
$$;

comment on function ingest._amount_text(numeric) is
    'An amount to the cent as events hold it. The commas also keep a large one from being taken for a card number.';

create function ingest._control_totals(p_run ingest.import_runs)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when num_nonnulls(p_run.control_rows, p_run.control_total, p_run.control_sha256) > 0 then
            jsonb_strip_nulls(jsonb_build_object(
                'rows', p_run.control_rows,
                'total_amount', ingest._amount_text(p_run.control_total),
                'sha256', p_run.control_sha256,
                'found_rows', case when p_run.status = 'completed' then p_run.rows_fetched end,
                'found_total_amount', case when p_run.status = 'completed' then ingest._amount_text(p_run.found_total) end
            ))
    end
$$;

comment on function ingest._control_totals(ingest.import_runs) is
    'What was stated of the run''s file and, once it is completed, what was found; null when nothing was stated.';

create function ingest.state_control_totals(
    p_run_id uuid,
    p_rows integer default null,
    p_total numeric default null,
    p_sha256 text default null,
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
    if p_rows < 0 or p_total <> round(p_total, 2) or abs(p_total) >= 1e24 then
        raise exception 'control totals are a count of records, and an amount to the cent below 10^24'
            using errcode = 'invalid_parameter_value';
    end if;
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    select * into v_run from ingest.import_runs as r where r.id = p_run_id for update;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    if p_sha256 <> v_run.file_hash then
        raise exception 'the file is not the one that the control totals are of: its SHA-256 is another' using errcode = 'ML010';
    end if;
    if (p_rows, p_total, p_sha256) is not distinct from (v_run.control_rows, v_run.control_total, v_run.control_sha256) then
        return;
    end if;

    update ingest.import_runs as r
    set control_rows = p_rows,
        control_total = p_total,
        control_sha256 = p_sha256,
        found_total = null
    where r.id = p_run_id
    returning * into v_run;
    perform ingest._append_event(
        p_run_id,
        'control_totals_stated',
        p_worker_id,
        v_run.attempt,
        jsonb_build_object(
            'control_totals', coalesce(ingest._control_totals(v_run), jsonb_build_object('withdrawn', true))
        )
    );
end
$$;

comment on function ingest.state_control_totals(uuid, integer, numeric, text, text, integer) is
    'States how many records the run''s file has, what their amounts sum up to, and its SHA-256; what is left out is not'
    ' held against anything. The run is not completed unless all of it holds. What an attempt states takes the place of'
    ' what an earlier one did. Raises ML001 once the lease is lost, ML010 for another SHA-256.';

create function ingest.total_of_run(p_run_id uuid)
returns numeric
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select case
        -- what a chunk without a profile rejected is not known
        when not exists (
            select
            from ingest.landed_chunks as c
            where c.import_run_id = p_run_id
                and not exists (
                    select
                    from ingest.chunk_profiles as p
                    where p.import_run_id = c.import_run_id
                        and p.chunk_no = c.chunk_no
                )
        ) then
            (
                select sum(p.rejected_total) from ingest.chunk_profiles as p where p.import_run_id = p_run_id
            ) + (
                select coalesce(sum(l.judgment_amount), 0)
                from ingest.landed_rows as l
                where l.run_no = ingest._run_no(p_run_id)
            )
    end
$$;

comment on function ingest.total_of_run(uuid) is
    'Sum of the amounts of all records of the run: of the valid ones by their landed rows, of the rejects by the profiles'
    ' of their chunks. Null where there is no profile of a chunk.';

-- Without a stated total nothing is held against the sum, and the profiles alone give it: no record is looked at.
create function ingest._settle_control_totals(p_run_id uuid, p_records integer)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
    v_found numeric;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if v_run.control_total is not null then
        v_found := ingest.total_of_run(p_run_id);
    else
        select case when count(p.chunk_no) = count(*) then sum(p.valid_total + p.rejected_total) end
        into v_found
        from ingest.landed_chunks as c
        left join ingest.chunk_profiles as p
            on p.import_run_id = c.import_run_id
            and p.chunk_no = c.chunk_no
        where c.import_run_id = p_run_id;
    end if;
    update ingest.import_runs as r
    set found_total = v_found
    where r.id = p_run_id
        and r.found_total is distinct from v_found;

    if coalesce(v_run.control_rows = p_records, v_run.control_rows is null)
        and coalesce(v_run.control_total = v_found, v_run.control_total is null)
    then
        return null;
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
        'code', 'CONTROL_TOTAL_MISMATCH',
        'control_totals', ingest._control_totals(v_run) || jsonb_build_object(
            'found_rows', p_records,
            'found_total_amount', ingest._amount_text(v_found),
            'difference', ingest._amount_text(v_found - v_run.control_total),
            'unread_amounts', (
                select nullif(sum(p.unread_amounts), 0)
                from ingest.chunk_profiles as p
                where p.import_run_id = p_run_id
            )
        )
    ));
end
$$;

comment on function ingest._settle_control_totals(uuid, integer) is
    'Keeps what the run''s amounts sum up to; null when its control totals hold with so many records, else what does not.';
