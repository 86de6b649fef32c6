-- The state machine of a run, for every writer alike: the functions, and an operator's
-- `update ingest.import_runs set status = 'failed' …`, which is thereby legal, recorded, and fences the worker.

-- Runs with the caller's rights: that is how it tells the functions of this schema from a statement by hand.
create function ingest._guard_run()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.filename := ingest.redact(new.filename);
    new.import_kind := ingest.redact(new.import_kind);
    new.worker_id := ingest.redact(new.worker_id);
    new.error_details := ingest.redact(new.error_details);
    new.rollback_reason := ingest.redact(new.rollback_reason);
    new.release_reason := ingest.redact(new.release_reason);

    -- by these a run is found again: another name in their place would be another run
    if ingest.redact(new.source_system) <> new.source_system
        or ingest.redact(new.source_batch_id) <> new.source_batch_id
        or ingest.redact(new.file_hash) <> new.file_hash
        or ingest.redact(new.reader_fingerprint) <> new.reader_fingerprint
    then
        raise exception 'the source system, batch id, file hash or reader fingerprint holds a social security or card number'
            using errcode = 'ML007', hint = 'name it otherwise: nine digits by themselves count as such a number';
    end if;

    if tg_op = 'INSERT' then
        if new.status not in ('pending', 'processing') then
            raise exception 'a run begins as pending or processing, not as %', new.status using errcode = 'ML003';
        end if;
        return new;
    end if;

    if (new.id, new.run_no, new.source_system, new.source_batch_id, new.file_hash, new.import_kind, new.created_at)
        is distinct from
        (old.id, old.run_no, old.source_system, old.source_batch_id, old.file_hash, old.import_kind, old.created_at)
    then
        raise exception 'what a run is of does not change: only its state does' using errcode = 'ML003';
    end if;

    if new.status <> old.status and not (case old.status
        when 'pending' then new.status in ('processing', 'failed', 'rolled_back')
        when 'processing' then new.status in ('completed', 'failed', 'rolled_back')
        when 'failed' then new.status in ('processing', 'rolled_back')
        when 'completed' then new.status = 'rolled_back'
        else false
    end) then
        raise exception 'a run does not go from % to %', old.status, new.status
            using errcode = 'ML003', hint = 'the legal transitions stand on the type ingest.import_status';
    end if;

    if new.status <> old.status and new.status in ('completed', 'rolled_back') and current_user <> 'moat_owner' then
        raise exception 'a run becomes % by what the functions do to its records, not by its status', new.status
            using errcode = 'ML003', hint = 'call ingest.reconcile_import_run or ingest.rollback_import_run';
    end if;

    -- By hand a run is claimed or failed, and beaten for. What else stands on it says what was done to its records, or
    -- decides who is served: it changes with what the functions do, and with the events that they leave.
    if current_user <> 'moat_owner' and (
        (
            new.rows_fetched, new.rows_inserted, new.rows_skipped, new.rows_errored, new.expected_count,
            new.completed_at, new.rolled_back_at, new.publish_seq, new.ended_attempt, new.identity_required,
            new.withheld, new.replaces, new.replaced_by, new.replays, new.source_layout,
            new.control_rows, new.control_total, new.control_sha256, new.found_total
        ) is distinct from (
            old.rows_fetched, old.rows_inserted, old.rows_skipped, old.rows_errored, old.expected_count,
            old.completed_at, old.rolled_back_at, old.publish_seq, old.ended_attempt, old.identity_required,
            old.withheld, old.replaces, old.replaced_by, old.replays, old.source_layout,
            old.control_rows, old.control_total, old.control_sha256, old.found_total
        )
        or (new.filename, new.reader_fingerprint, new.rollback_reason, new.release_reason) is distinct from (
            ingest.redact(old.filename),
            old.reader_fingerprint,
            ingest.redact(old.rollback_reason),
            ingest.redact(old.release_reason)
        )
        or new.attempt = old.attempt and new.claimed_at is distinct from old.claimed_at
        or new.status <> 'failed' and new.error_details is distinct from ingest.redact(old.error_details)
    ) then
        raise exception 'what a run says of its file and records changes by the functions, not by hand'
            using errcode = 'ML003', hint = 'by hand it may be failed, with its error_details, and nothing else';
    end if;

    if new.attempt < old.attempt
        or (new.attempt = old.attempt and new.status = 'processing' and old.status <> 'processing')
        or (new.attempt > old.attempt and new.status <> 'processing')
    then
        raise exception 'each claim of a run is a new attempt, and nothing else is' using errcode = 'ML003';
    end if;

    if new.attempt = old.attempt and new.worker_id is distinct from old.worker_id then
        raise exception 'another worker is another attempt' using errcode = 'ML003';
    end if;

    if new.status <> old.status or new.attempt <> old.attempt then
        -- The fence: a landing holds this row FOR KEY SHARE until it commits, and a plain UPDATE would not wait for it.
        perform from ingest.import_runs as r where r.id = old.id for update;
    end if;

    if new.status = 'rolled_back' and new.rolled_back_at is null then
        new.rolled_back_at := clock_timestamp();
    end if;
    if new.updated_at is not distinct from old.updated_at then
        new.updated_at := clock_timestamp();
    end if;
    return new;
end
$$;

comment on function ingest._guard_run() is 'Refuses an illegal change of a run and waits for landings before one of owner or status.';

create function ingest._newest_undone(p_run ingest.import_runs)
returns ingest.import_runs
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select r
    from ingest.import_runs as r
    where r.source_system = p_run.source_system
        and r.source_batch_id = p_run.source_batch_id
        and r.file_hash = p_run.file_hash
        and r.status = 'rolled_back'
    order by r.created_at desc
    limit 1
$$;

comment on function ingest._newest_undone(ingest.import_runs) is
    'The newest rolled-back run of the same delivery; null where there is none.';

create function ingest._withheld_run(p_run ingest.import_runs)
returns ingest.import_runs
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select r
    from ingest.import_runs as r
    where r.source_system = p_run.source_system
        and r.file_hash = p_run.file_hash
        and r.withheld
    order by r.created_at desc
    limit 1
$$;

comment on function ingest._withheld_run(ingest.import_runs) is
    'The newest run of the same bytes, whatever their batch, that somebody undid and nobody has released; else null.';

create function ingest._record_run()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event text;
    v_details jsonb;
    v_by_worker boolean;
begin
    if tg_op = 'INSERT' then
        v_event := case new.status when 'processing' then 'claimed' else 'created' end;
        -- what the run is of: whatever is said of the file later is held against this
        v_details := jsonb_build_object(
            'run_no', new.run_no,
            'source_system', new.source_system,
            'source_batch_id', new.source_batch_id,
            'file_hash', new.file_hash,
            'import_kind', new.import_kind,
            'filename', new.filename,
            'reader_fingerprint', new.reader_fingerprint,
            'expected_count', new.expected_count,
            'claimed_at', new.claimed_at at time zone 'UTC',
            'predecessor', (ingest._newest_undone(new)).id
        );
    elsif new.attempt <> old.attempt then
        v_event := case
            when old.status <> 'processing' then 'claimed'
            when old.worker_id = new.worker_id then 'reclaimed'
            else 'taken_over'
        end;
        v_details := jsonb_build_object(
            'from_status', old.status,
            'from_worker', old.worker_id,
            'from_attempt', old.attempt,
            'last_sign_of_life', old.updated_at at time zone 'UTC',
            'reader_fingerprint', new.reader_fingerprint,
            'expected_count', new.expected_count,
            'claimed_at', new.claimed_at at time zone 'UTC'
        );
    -- failed again: by hand, with another reason
    elsif new.status <> old.status
        or new.status = 'failed' and new.error_details is distinct from old.error_details
    then
        v_event := new.status::text;
        v_details := case new.status
            when 'failed' then jsonb_build_object(
                'error_details', new.error_details, 'found_total', ingest._amount_text(new.found_total)
            )
            when 'rolled_back' then jsonb_build_object(
                'from_status', old.status,
                'reason', new.rollback_reason,
                'replaced_by', new.replaced_by,
                'withheld', new.withheld,
                'rolled_back_at', new.rolled_back_at at time zone 'UTC'
            )
            else jsonb_build_object(
                'rows_fetched', new.rows_fetched,
                'rows_inserted', new.rows_inserted,
                'rows_skipped', new.rows_skipped,
                'rows_errored', new.rows_errored,
                'publish_seq', new.publish_seq,
                'completed_at', new.completed_at at time zone 'UTC',
                'chunks_digest', ingest._chunks_digest(new.id),
                'found_total', ingest._amount_text(new.found_total),
                'control_totals', ingest._control_totals(new)
            )
        end;
    elsif new.replaces is distinct from old.replaces then
        v_event := 'replacement';
        v_details := jsonb_build_object('replaces', new.replaces);
    elsif new.replays is distinct from old.replays then
        v_event := 'replay';
        v_details := jsonb_build_object('replays', new.replays, 'fixes_digest', ingest.fixes_digest(new.id));
    elsif old.withheld and not new.withheld then
        v_event := 'released';
        v_details := jsonb_build_object('reason', new.release_reason);
    elsif new.status = 'completed'
        and (new.rows_inserted, new.rows_skipped) is distinct from (old.rows_inserted, old.rows_skipped)
    then
        v_event := 'counts_corrected';
        v_details := jsonb_build_object(
            'rows_inserted', jsonb_build_array(old.rows_inserted, new.rows_inserted),
            'rows_skipped', jsonb_build_array(old.rows_skipped, new.rows_skipped)
        );
    else
        return null;
    end if;
    -- these are nobody's doing who ever held the lease: the actor tells whose
    v_by_worker := v_event not in ('rolled_back', 'released', 'replacement', 'replay', 'counts_corrected');
    perform ingest._append_event(
        new.id, v_event, case when v_by_worker then new.worker_id end, new.attempt, v_details
    );
    return null;
end
$$;

comment on function ingest._record_run() is 'Writes the event of every change of a run''s owner, status or published counts.';

create trigger import_runs_guard
before insert or update on ingest.import_runs
for each row execute function ingest._guard_run();

create trigger import_runs_record
after insert or update on ingest.import_runs
for each row execute function ingest._record_run();

create function ingest._guard_source_system()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if ingest.redact(new.source_system) <> new.source_system then
        raise exception 'the source system holds a social security or card number'
            using errcode = 'ML007', hint = 'name it otherwise: nine digits by themselves count as such a number';
    end if;
    return new;
end
$$;

comment on function ingest._guard_source_system() is 'Refuses a number for a name.';

create trigger source_systems_hold_no_numbers
before insert or update of source_system on ingest.source_systems
for each row execute function ingest._guard_source_system();

alter table ingest.source_systems enable always trigger source_systems_hold_no_numbers;
comment on trigger source_systems_hold_no_numbers on ingest.source_systems is
    'No vendor is named by a social security or card number.';
alter table ingest.import_runs enable always trigger import_runs_guard;
comment on trigger import_runs_guard on ingest.import_runs is 'Every change of a run is a legal one, whoever makes it.';
alter table ingest.import_runs enable always trigger import_runs_record;
comment on trigger import_runs_record on ingest.import_runs is 'Every change of a run leaves its event.';
