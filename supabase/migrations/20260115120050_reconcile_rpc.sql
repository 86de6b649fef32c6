-- The recount of a run against what was expected of it, and its publication: `ingest.reconcile_import_run`.

create function ingest.reconcile_import_run(
    p_run_id uuid,
    p_expected_count integer default null,
    p_worker_id text default null,
    p_attempt integer default null,
    p_replaces uuid default null,
    p_replays uuid default null
)
returns table (is_valid boolean, expected_count integer, actual_count integer, delta integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_run ingest.import_runs;
    v_landed ingest.landed_counts;
    v_expected integer;
    v_holds boolean;
    v_controls jsonb;
    v_counts jsonb;
begin
    perform ingest._notice_lost_client();
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    perform ingest._lock_source_system(p_run_id);
    select * into v_run from ingest.import_runs as r where r.id = p_run_id for update;
    -- An operator may verify any run that has ended; a worker only one whose end it reported (the answer was lost).
    if v_run.status = 'processing'
        or (p_attempt is not null or p_worker_id is not null)
        and (v_run.ended_attempt = v_run.attempt and p_attempt = v_run.attempt) is not true
    then
        perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    end if;

    v_landed := ingest._count_landed(p_run_id);
    v_expected := coalesce(p_expected_count, v_run.expected_count, v_run.rows_fetched);
    v_holds := v_landed.is_whole
        and v_landed.landed = v_expected
        and v_landed.landed = coalesce(v_run.expected_count, v_landed.landed);

    if v_run.status = 'processing' and v_holds then
        v_controls := ingest._settle_control_totals(p_run_id, v_landed.landed);
        v_holds := v_controls is null;
    end if;
    if v_run.status = 'processing' and v_holds then
        perform ingest._replace(p_run_id, p_replaces);
        perform ingest._publish(p_run_id, v_landed);
        perform ingest._replay(p_run_id, p_replays);
    elsif v_run.status = 'completed' and v_holds then
        v_holds := v_run.rows_errored = v_landed.rejected and v_run.rows_inserted = (
            select count(*)
            from ingest.landed_rows as l
            inner join ingest.plaintiff_keys as k
                on k.dedupe_key = l.dedupe_key
                and k.owner_run_no = v_run.run_no
                and k.owner_row_number = l.row_number
            where l.run_no = v_run.run_no
        );
        if v_holds then
            perform ingest._replace(p_run_id, p_replaces);
            perform ingest._replay(p_run_id, p_replays);
        end if;
    end if;

    v_counts := jsonb_build_object(
        'expected', v_expected,
        'actual', v_landed.landed,
        'delta', v_landed.landed - v_expected,
        'is_whole', nullif(v_landed.is_whole, true)
    ) || coalesce(v_controls, '{}');
    if v_run.status = 'processing' and not v_holds then
        perform ingest._fail_reconciliation(p_run_id, p_worker_id, v_counts);
    else
        perform ingest._append_event(
            p_run_id,
            case when v_holds then 'reconciled' else 'reconciliation_failed' end,
            p_worker_id,
            v_run.attempt,
            -- as the run stands now
            jsonb_build_object('status', (select r.status from ingest.import_runs as r where r.id = p_run_id)) || v_counts
        );
    end if;
    return query select
        v_holds and v_run.status in ('processing', 'completed'),
        v_expected,
        v_landed.landed,
        v_landed.landed - v_expected;
end
$$;

comment on function ingest.reconcile_import_run(uuid, integer, text, integer, uuid, uuid) is
    'Recounts the landed rows against p_expected_count, or against the count that came with the claim. A processing run'
    ' is thereby completed (published) when they are equal and failed when not; a run that has ended is verified again'
    ' without a change. A run that is valid undoes run p_replaces, and its records stand for'
    ' rejects of run p_replays, in the same transaction, or nothing is done.';
