-- What people and programs read. Only plaintiffs_raw, v_plaintiffs and v_rejects hold personal data.

-- Which records represent their key. Those of a small run are looked up one by one, those of a large one are joined with
-- all keys, because how large a run is, is not known when its query is planned. Among 1,500,000 keys the records of a run
-- of 1,000,000 take 1.0 s joined and 6 s one by one, those of a run of 100 take 160 ms and 1 ms.
create view ingest._represented as
select
    l.*,
    r.id as import_run_id,
    r.source_system,
    r.status as run_status,
    found.is_representative
from ingest.import_runs as r
inner join ingest.landed_rows as l on l.run_no = r.run_no
cross join lateral (
    select case
        when r.status = 'completed' then (
            select k.owner_run_no = r.run_no and k.owner_row_number = l.row_number
            from ingest.plaintiff_keys as k
            where k.dedupe_key = l.dedupe_key
        )
    end as is_representative
    offset 0  -- by itself, once the run's records have been found
) as found
where r.status <> 'completed'
    or r.rows_fetched < 10000
union all
select
    l.*,
    r.id,
    r.source_system,
    r.status,
    k.dedupe_key is not null
from ingest.import_runs as r
inner join ingest.landed_rows as l on l.run_no = r.run_no
left join ingest.plaintiff_keys as k
    on k.dedupe_key = l.dedupe_key
    and k.owner_run_no = r.run_no
    and k.owner_row_number = l.row_number
where r.status = 'completed'
    and r.rows_fetched >= 10000;

comment on view ingest._represented is 'Every landed record with its run, and whether it represents its key.';
comment on column ingest._represented.run_status is 'Where its run stands.';
comment on column ingest._represented.is_representative is 'True when it represents its key, where its run is completed.';

create view ingest.plaintiffs_raw as
select
    l.import_run_id,
    l.row_number,
    case
        when l.run_status = 'rolled_back' then 'rolled_back'
        when l.error_code is not null then 'failed'
        when l.run_status <> 'completed' then 'pending'
        when l.is_representative then 'inserted'
        else 'skipped'
    end as status,
    l.source_system,
    c.attempt,
    l.chunk_no,
    l.line_start,
    coalesce(l.line_end, l.line_start) as line_end,
    l.plaintiff_name,
    l.firm_name,
    l.contact_name,
    l.contact_email,
    l.contact_phone,
    l.address,
    l.city,
    l.state,
    l.postal_code,
    l.case_reference,
    l.court,
    l.county,
    l.judgment_amount,
    l.judgment_date,
    l.defendant_name,
    l.source_reference,
    case
        when l.error_code is null then jsonb_object(
            c.extra_columns,
            case cardinality(c.extra_columns)
                when 1 then array[l.extra]
                else string_to_array(l.extra, c.extra_separator, '')
            end
        )
    end as extra,
    l.dedupe_key,
    l.error_code,
    l.error_message,
    coalesce(l.warnings, '{}') as warnings,
    l.raw_payload,
    l.replays_row
from ingest._represented as l
left join ingest.landed_chunks as c
    on c.import_run_id = l.import_run_id
    and c.chunk_no = l.chunk_no;

comment on view ingest.plaintiffs_raw is
    'Every landed record with its one outcome: pending, inserted, skipped, failed or rolled_back.';
comment on column ingest.plaintiffs_raw.status is
    'pending until the run completes; then inserted (represents its key), skipped (another record does) or failed'
    ' (rejected, from the moment it is landed); rolled_back once the run is undone.';

create view ingest.v_plaintiffs as
select
    k.dedupe_key,
    r.source_system,
    r.id as import_run_id,
    l.row_number,
    l.plaintiff_name,
    l.firm_name,
    l.contact_name,
    l.contact_email,
    l.contact_phone,
    l.address,
    l.city,
    l.state,
    l.postal_code,
    l.case_reference,
    l.court,
    l.county,
    l.judgment_amount,
    l.judgment_date,
    l.defendant_name,
    l.source_reference,
    jsonb_object(
        c.extra_columns,
        case cardinality(c.extra_columns)
            when 1 then array[l.extra]
            else string_to_array(l.extra, c.extra_separator, '')
        end
    ) as extra
from ingest.plaintiff_keys as k
inner join ingest.import_runs as r on r.run_no = k.owner_run_no
inner join ingest.landed_rows as l
    on l.run_no = r.run_no
    and l.row_number = k.owner_row_number
left join ingest.landed_chunks as c
    on c.import_run_id = r.id
    and c.chunk_no = l.chunk_no
where r.status = 'completed';

comment on view ingest.v_plaintiffs is 'The active plaintiffs: one record for each key that a completed run holds.';

create view ingest.v_rejects as
select
    r.id as import_run_id,
    l.row_number,
    l.line_start,
    coalesce(l.line_end, l.line_start) as line_end,
    l.error_code,
    l.error_message,
    l.raw_payload
from ingest.landed_rows as l
inner join ingest.import_runs as r on r.run_no = l.run_no
where l.error_code is not null;

comment on view ingest.v_rejects is 'The rejected records of every run, read from an index of their own.';

create view ingest.v_runs as
select
    r.id,
    r.source_system,
    r.source_batch_id,
    r.filename,
    r.import_kind,
    r.status,
    r.attempt,
    r.worker_id,
    r.rows_fetched,
    r.rows_inserted,
    r.rows_skipped,
    r.rows_errored,
    r.expected_count,
    r.error_details,
    r.created_at,
    r.updated_at,
    r.claimed_at,
    r.completed_at,
    r.rolled_back_at,
    r.rollback_reason,
    r.publish_seq,
    r.file_hash,
    case
        when r.completed_at is not null then round(extract(epoch from r.completed_at - r.claimed_at), 3)::double precision
    end as seconds,
    r.status = 'processing'
    and r.updated_at < clock_timestamp() - (select s.stale_after from ingest.settings as s) as is_stale,
    r.replaces,
    r.replaced_by,
    r.withheld,
    r.release_reason,
    r.replays,
    r.control_rows,
    r.control_total,
    r.control_sha256,
    r.found_total
from ingest.import_runs as r;

comment on view ingest.v_runs is 'Every run, for people.';
comment on column ingest.v_runs.seconds is 'From the last claim to the publication.';
comment on column ingest.v_runs.is_stale is 'True when the worker gave no sign of life for longer than settings.stale_after.';

create view ingest.v_latest_runs as
select * from ingest.v_runs order by created_at desc limit 20;

comment on view ingest.v_latest_runs is 'The 20 runs claimed last.';

create view ingest.v_run_events as
select
    e.import_run_id,
    e.seq,
    e.at,
    e.event,
    e.actor,
    e.worker_id,
    e.attempt,
    e.details,
    encode(e.hash, 'hex') as hash
from ingest.run_events as e;

comment on view ingest.v_run_events is 'The history of every run.';

create view ingest.v_landed_chunks as
select
    c.import_run_id,
    c.chunk_no,
    c.attempt,
    c.byte_start,
    c.byte_end,
    c.first_row,
    c.records,
    c.digest,
    c.landed_at
from ingest.landed_chunks as c;

comment on view ingest.v_landed_chunks is 'The chunks that are landed: what a continued run need not land again.';

create view ingest.v_duplicates_blocked as
select
    r.id,
    r.source_system,
    r.source_batch_id,
    r.filename,
    e.at as blocked_at,
    e.worker_id,
    e.details ->> 'filename' as offered_as,
    r.completed_at,
    r.rows_inserted,
    r.file_hash
from ingest.run_events as e
inner join ingest.import_runs as r on r.id = e.import_run_id
where e.event = 'duplicate_blocked';

comment on view ingest.v_duplicates_blocked is 'Every claim that was refused because the delivery was completed already.';
comment on column ingest.v_duplicates_blocked.blocked_at is 'When the claim was refused.';
comment on column ingest.v_duplicates_blocked.offered_as is 'Name of the file that was refused.';

create view ingest.v_reconciliation_failures as
select
    r.id,
    r.source_system,
    r.source_batch_id,
    r.filename,
    r.status,
    e.at as reconciled_at,
    e.details,
    (e.details ->> 'expected')::integer as expected_count,
    (e.details ->> 'actual')::integer as actual_count,
    (e.details ->> 'delta')::integer as delta
from ingest.import_runs as r
inner join ingest.run_events as e on e.import_run_id = r.id
where e.event = 'reconciliation_failed';

comment on view ingest.v_reconciliation_failures is
    'Every time that counts did not agree: recounted against expected, or landed against reported by finalize.';
comment on column ingest.v_reconciliation_failures.reconciled_at is 'When the counts did not agree.';
comment on column ingest.v_reconciliation_failures.actual_count is 'Records that were landed.';
comment on column ingest.v_reconciliation_failures.delta is 'actual_count less expected_count.';

create view ingest.v_rollback_verification as
select
    r.id,
    r.source_system,
    r.source_batch_id,
    r.filename,
    r.status,
    r.rolled_back_at,
    r.rollback_reason,
    coalesce(landed.records, 0) as rows_landed,
    case when r.status = 'rolled_back' then coalesce(landed.records, 0) else 0 end as rows_rolled_back,
    -- what v_plaintiffs would show; by the keys alone, so that none is read of a run that is not completed
    (
        select count(*)
        from ingest.import_runs as active
        inner join ingest.plaintiff_keys as k on k.owner_run_no = active.run_no
        where active.id = r.id
            and active.status = 'completed'
    ) as rows_still_active,
    r.replaced_by,
    r.withheld
from ingest.import_runs as r
left join lateral (
    select sum(c.records) as records from ingest.landed_chunks as c where c.import_run_id = r.id
) as landed on true
where r.status = 'rolled_back';

comment on view ingest.v_rollback_verification is 'The undone runs; rows_still_active is 0 for each.';
comment on column ingest.v_rollback_verification.rows_landed is 'Records of the run.';
comment on column ingest.v_rollback_verification.rows_rolled_back is 'Records that were undone: all of them.';
comment on column ingest.v_rollback_verification.rows_still_active is 'Records of the run that represent a plaintiff; 0.';

create view ingest.v_in_progress_runs as
select
    r.id,
    r.source_system,
    r.source_batch_id,
    r.filename,
    r.worker_id,
    r.attempt,
    r.claimed_at,
    r.updated_at,
    clock_timestamp() - r.updated_at as since_last_sign_of_life,
    r.is_stale,
    r.expected_count as rows_expected,
    coalesce((select sum(c.records) from ingest.landed_chunks as c where c.import_run_id = r.id), 0) as rows_landed
from ingest.v_runs as r
where r.status = 'processing';

comment on view ingest.v_in_progress_runs is 'The runs that somebody holds, how far they are, and whether the holder still lives.';
comment on column ingest.v_in_progress_runs.since_last_sign_of_life is 'Time since updated_at.';
comment on column ingest.v_in_progress_runs.rows_expected is 'Records of the file, by the count that came with the claim.';
comment on column ingest.v_in_progress_runs.rows_landed is 'Records that are landed.';

create view ingest.v_failed_runs as
select
    r.id,
    r.source_system,
    r.source_batch_id,
    r.filename,
    r.updated_at as failed_at,
    r.worker_id,
    r.attempt,
    r.error_details ->> 'code' as error_code,
    r.error_details
from ingest.import_runs as r
where r.status = 'failed';

comment on view ingest.v_failed_runs is 'The runs that failed, and why.';
comment on column ingest.v_failed_runs.failed_at is 'When the run failed.';

create view ingest.v_source_system_stats as
select
    r.source_system,
    count(*) as runs,
    count(*) filter (where r.status = 'completed') as completed,
    count(*) filter (where r.status = 'failed') as failed,
    count(*) filter (where r.status = 'processing') as processing,
    count(*) filter (where r.status = 'rolled_back') as rolled_back,
    coalesce(sum(r.rows_fetched) filter (where r.status = 'completed'), 0) as rows_fetched,
    coalesce(sum(r.rows_inserted) filter (where r.status = 'completed'), 0) as rows_inserted,
    coalesce(sum(r.rows_skipped) filter (where r.status = 'completed'), 0) as rows_skipped,
    coalesce(sum(r.rows_errored) filter (where r.status = 'completed'), 0) as rows_errored,
    max(r.completed_at) filter (where r.status = 'completed') as last_completed_at
from ingest.import_runs as r
group by r.source_system;

comment on view ingest.v_source_system_stats is 'Totals for each source system; rows of completed runs only.';
comment on column ingest.v_source_system_stats.runs is 'All runs of the source system.';
comment on column ingest.v_source_system_stats.completed is 'Runs that are completed.';
comment on column ingest.v_source_system_stats.failed is 'Runs that failed.';
comment on column ingest.v_source_system_stats.processing is 'Runs that a worker holds.';
comment on column ingest.v_source_system_stats.rolled_back is 'Runs that were undone.';
comment on column ingest.v_source_system_stats.last_completed_at is 'The last publication.';
