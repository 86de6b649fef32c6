-- The functions that importers and operators call. Arguments and results of the five documented ones are a contract;
-- what was added to them are optional arguments at the end (who is asking), which fence the caller.

create function ingest.claim_import_run(
    p_source_system text,
    p_source_batch_id text,
    p_file_hash text,
    p_filename text default null,
    p_import_kind text default 'plaintiff',
    p_worker_id text default null,
    p_reader_fingerprint text default null,
    p_expected_count integer default null,
    p_unattended boolean default false
)
returns table (run_id uuid, claim_status text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- a claim waits for other claims, not for a publication
set lock_timeout = '2s'
as $$
#variable_conflict use_column
declare
    v_run ingest.import_runs;
    v_undone ingest.import_runs;
    v_refused_as text;
    -- one vendor however it is spelled, as in the dedupe keys
    v_source_system text := lower(trim(regexp_replace(p_source_system, '\s+', ' ', 'g')));
begin
    perform ingest._notice_lost_client();
    -- each statement below sees what was committed before it: a chunk, an undo, the winner of a race
    perform ingest._require_read_committed('a claim');
    if coalesce(v_source_system, '') = '' or coalesce(p_source_batch_id, '') = '' or coalesce(p_file_hash, '') = '' then
        raise exception 'a claim names its source system, batch and file hash' using errcode = 'invalid_parameter_value';
    end if;

    begin
        loop
            insert into ingest.import_runs (
                source_system, source_batch_id, file_hash, filename, import_kind,
                status, attempt, worker_id, claimed_at, reader_fingerprint, expected_count
            )
            select
                v_source_system, p_source_batch_id, p_file_hash, p_filename, coalesce(p_import_kind, 'plaintiff'),
                'processing', 1, p_worker_id, clock_timestamp(), p_reader_fingerprint, p_expected_count
            -- a row that meets the conflict has taken a number by then, and numbers are as many as an integer has
            where not exists (
                select
                from ingest.import_runs as live
                where live.source_system = v_source_system
                    and live.source_batch_id = p_source_batch_id
                    and live.file_hash = p_file_hash
                    and live.status <> 'rolled_back'
            )
            on conflict (source_system, source_batch_id, file_hash) where status <> 'rolled_back' do nothing
            returning * into v_run;
            if found then
                -- asked after the insert, so that what was undone a moment ago counts
                v_undone := ingest._withheld_run(v_run);
                if p_unattended and v_undone.id is not null then
                    raise exception 'somebody undid run % of this file', v_undone.id using errcode = 'ML008';
                end if;
                perform ingest._release(v_run, 'imported again as run ' || v_run.id);
                return query select v_run.id, 'claimed'::text;
                return;
            end if;

            -- A statement of its own: it sees what the winner of the race committed.
            select * into v_run
            from ingest.import_runs as r
            where r.source_system = v_source_system
                and r.source_batch_id = p_source_batch_id
                and r.file_hash = p_file_hash
                and r.status <> 'rolled_back'
            for update;
            if not found then
                continue;  -- undone a moment ago: the next turn makes a new run
            end if;

            if v_run.status = 'completed' then
                v_refused_as := 'duplicate';
            elsif v_run.status = 'processing'
                -- two callers without a name are not the same worker
                and (v_run.worker_id = p_worker_id) is not true
                and v_run.updated_at >= clock_timestamp() - (select s.stale_after from ingest.settings as s)
            then
                v_refused_as := 'in_progress';
            elsif p_reader_fingerprint <> coalesce(v_run.reader_fingerprint, '')
                and exists (select from ingest.landed_chunks as c where c.import_run_id = v_run.id)
            then
                update ingest.import_runs as r
                set status = 'rolled_back',
                    rollback_reason = 'the mapping or the reader changed before the run was complete'
                where r.id = v_run.id;
                continue;
            end if;
            exit;
        end loop;
    exception
        when lock_not_available then
            -- Somebody is changing the run at this very moment.
            select * into v_run
            from ingest.import_runs as r
            where r.source_system = v_source_system
                and r.source_batch_id = p_source_batch_id
                and r.file_hash = p_file_hash
                and r.status <> 'rolled_back';
            v_refused_as := 'in_progress';
        when sqlstate 'ML008' then
            -- which took the run that was inserted away again
            v_run := v_undone;
            v_refused_as := 'not_released';
    end;

    if v_refused_as is not null then
        if v_run.id is not null then
            begin
                perform ingest._append_event(
                    v_run.id,
                    case v_refused_as
                        when 'duplicate' then 'duplicate_blocked'
                        when 'not_released' then 'unattended_refused'
                        else 'in_progress_refused'
                    end,
                    p_worker_id,
                    v_run.attempt,
                    jsonb_build_object('filename', p_filename, 'holder', v_run.worker_id)
                );
            exception
                when lock_not_available then
                    null;  -- whoever changes the run has written an event and not committed: the answer matters more
            end;
        end if;
        return query select v_run.id, v_refused_as;
        return;
    end if;

    update ingest.import_runs as r
    set status = 'processing',
        attempt = r.attempt + 1,
        worker_id = p_worker_id,
        claimed_at = clock_timestamp(),
        error_details = null,
        expected_count = coalesce(p_expected_count, r.expected_count),
        reader_fingerprint = coalesce(p_reader_fingerprint, r.reader_fingerprint),
        -- The former holder may still be alive unless it is this worker or has itself reported the end.
        identity_required = r.identity_required or case r.status
            when 'processing' then (r.worker_id = p_worker_id) is not true
            when 'failed' then r.ended_attempt is distinct from r.attempt
            else false
        end
    where r.id = v_run.id;
    return query select v_run.id, 'claimed'::text;
end
$$;

comment on function ingest.claim_import_run(text, text, text, text, text, text, text, integer, boolean) is
    'Claims a delivery. claimed: the caller holds the lease; duplicate: it is completed already; in_progress: another'
    ' worker holds it; with p_unattended also not_released: somebody undid this run of it, and nobody has released it.'
    ' Every answer is recorded as an event. Never waits for a load.';

create function ingest.heartbeat_import_run(
    p_run_id uuid,
    p_worker_id text default null,
    p_attempt integer default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    perform ingest._notice_lost_client();
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    -- a plain update of non-key columns: it does not wait for a landing
    update ingest.import_runs as r
    set updated_at = clock_timestamp()
    where r.id = p_run_id
        and r.status = 'processing'
        and (p_attempt is null or r.attempt = p_attempt)
        and (p_worker_id is null or r.worker_id = p_worker_id)
        and not (r.identity_required and p_attempt is null and p_worker_id is null);
    if found then
        return true;
    end if;

    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if found and (v_run.status = 'processing' or p_attempt is not null or p_worker_id is not null) then
        perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    end if;
    return false;
end
$$;

comment on function ingest.heartbeat_import_run(uuid, text, integer) is
    'Keeps the lease alive. False when the run is not processing; ML001 for a named caller that lost it.';

create function ingest.finalize_import_run(
    p_run_id uuid,
    p_rows_fetched integer,
    p_rows_inserted integer,
    p_rows_skipped integer,
    p_rows_errored integer,
    p_error_details jsonb default null,
    p_mark_completed boolean default true,
    p_worker_id text default null,
    p_attempt integer default null,
    p_replaces uuid default null,
    p_replays uuid default null
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
    v_landed ingest.landed_counts;
    v_expected integer;
    v_controls jsonb;
    v_fatal boolean := coalesce(p_error_details ->> 'fatal', 'false') = 'true';
    v_completes boolean := coalesce(p_mark_completed, true) and not v_fatal;
begin
    perform ingest._notice_lost_client();
    if least(p_rows_fetched, p_rows_inserted, p_rows_skipped, p_rows_errored) < 0 then
        raise exception 'counts are 0 or more' using errcode = 'invalid_parameter_value';
    end if;
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    if v_completes then
        perform ingest._lock_source_system(p_run_id);
    end if;
    select * into v_run from ingest.import_runs as r where r.id = p_run_id for update;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;

    -- The same report again (its acknowledgement was lost) is acknowledged again.
    if v_run.ended_attempt = v_run.attempt
        and coalesce(p_attempt, v_run.attempt) = v_run.attempt
        and (case v_run.status
            when 'completed' then v_completes
            when 'failed' then v_fatal or v_completes and v_run.error_details ->> 'code' ~ '^(RECONCILIATION|CONTROL_TOTAL)_MISMATCH$'
        end)
    then
        if v_run.status = 'completed' then
            perform ingest._replace(p_run_id, p_replaces);
            perform ingest._replay(p_run_id, p_replays);
        end if;
        return v_run.status::text;
    end if;
    perform ingest._require_lease(v_run, p_worker_id, p_attempt);

    update ingest.import_runs as r
    set rows_fetched = coalesce(p_rows_fetched, 0),
        rows_inserted = coalesce(p_rows_inserted, 0),
        rows_skipped = coalesce(p_rows_skipped, 0),
        rows_errored = coalesce(p_rows_errored, 0),
        error_details = p_error_details
    where r.id = p_run_id
    returning * into v_run;

    if v_fatal then
        perform ingest._fail(p_run_id, p_error_details);
        return 'failed';
    elsif not v_completes then
        return v_run.status::text;
    end if;

    v_landed := ingest._count_landed(p_run_id);
    v_controls := ingest._settle_control_totals(p_run_id, v_run.rows_fetched);
    -- of the two counts that the landed rows are held against, the one that they contradict
    v_expected := coalesce(nullif(v_run.rows_fetched, v_landed.landed), v_run.expected_count, v_landed.landed);
    if v_landed.landed = 0
        and v_controls is null
        and v_run.expected_count is null
        and v_run.rows_fetched = v_run.rows_inserted + v_run.rows_skipped + v_run.rows_errored
    then
        -- The caller keeps its records elsewhere: there is nothing to publish and nothing to contradict it.
        perform ingest._replace(p_run_id, p_replaces);
        perform ingest._complete(p_run_id, v_run.rows_fetched, v_run.rows_inserted, v_run.rows_errored);
        perform ingest._replay(p_run_id, p_replays);
    elsif v_landed.is_whole
        and v_controls is null
        and v_landed.landed = coalesce(v_run.expected_count, v_landed.landed)
        and v_run.rows_fetched = v_landed.landed
        and v_run.rows_errored = v_landed.rejected
        and v_run.rows_inserted + v_run.rows_skipped = v_landed.landed - v_landed.rejected
    then
        perform ingest._replace(p_run_id, p_replaces);
        perform ingest._publish(p_run_id, v_landed);
        perform ingest._replay(p_run_id, p_replays);
    else
        perform ingest._fail_reconciliation(p_run_id, p_worker_id, jsonb_build_object(
            'expected', v_expected,
            'actual', v_landed.landed,
            'delta', v_landed.landed - v_expected,
            'reported', jsonb_build_object(
                'rows_fetched', v_run.rows_fetched,
                'rows_inserted', v_run.rows_inserted,
                'rows_skipped', v_run.rows_skipped,
                'rows_errored', v_run.rows_errored
            ),
            'landed', jsonb_build_object(
                'records', v_landed.landed, 'rejected', v_landed.rejected, 'is_whole', nullif(v_landed.is_whole, true)
            )
        ) || coalesce(v_controls, '{}'));
        return 'failed';
    end if;
    return 'completed';
end
$$;

comment on function
    ingest.finalize_import_run(uuid, integer, integer, integer, integer, jsonb, boolean, text, integer, uuid, uuid) is
    'Ends a run and says how: completed (and published), or failed when error_details has "fatal": true or when the counts'
    ' contradict the landed rows. With p_mark_completed = false it records progress only. Completing undoes run p_replaces,'
    ' and makes the records stand for rejects of run p_replays, in the same transaction, or nothing is done.';
