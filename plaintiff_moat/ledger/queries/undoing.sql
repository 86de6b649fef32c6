-- Looking before an undo, undoing, comparing.

-- name: rollback
select success, rows_affected
from ingest.rollback_import_run(p_run_id => %(run_id)s::uuid, p_reason => %(reason)s::text)

-- name: published_later
select later.id, later.rows_inserted
from ingest.v_runs as undone
inner join ingest.v_runs as later
    on later.source_system = undone.source_system
    and later.publish_seq > undone.publish_seq
where undone.id = %(run_id)s::uuid
    and later.status = 'completed'
order by later.publish_seq

-- name: corrections
with recursive correction as (
    select r.id, r.status, r.publish_seq from ingest.v_runs as r where r.replays = %(run_id)s::uuid
    union
    select r.id, r.status, r.publish_seq
    from correction
    inner join ingest.v_runs as r on r.replays = correction.id
)
select id from correction where status = 'completed' order by publish_seq

-- name: preview_rollback
select rows_affected, rows_gone, rows_passed, heirs, referenced_by
from ingest.preview_rollback(p_run_id => %(run_id)s::uuid)

-- name: keys_without_heir
select ingest.keys_without_heir(p_run_id => %(run_id)s::uuid) as dedupe_key

-- name: release
select ingest.release_import_run(p_run_id => %(run_id)s::uuid, p_reason => %(reason)s::text)

-- name: require_replaceable
select ingest.require_replaceable(
    p_run_id => %(run_id)s::uuid,
    p_source_system => %(source_system)s::text,
    p_file_hash => %(file_hash)s::text
)

-- name: withheld_run
select id
from ingest.v_runs
where source_system = %(source_system)s::text
    and file_hash = %(file_hash)s::text
    and withheld
order by created_at desc
limit 1

-- name: rows_rolled_back
select rows_rolled_back from ingest.v_rollback_verification where id = %(run_id)s::uuid

-- name: keys_of_run
select count(*) as records, count(*) - count(dedupe_key) as rejected, count(distinct dedupe_key) as keys
from ingest.plaintiffs_raw
where import_run_id = %(run_id)s::uuid

-- name: diff
with difference as materialized (
    select * from ingest.diff_runs(p_run_a => %(run_a)s::uuid, p_run_b => %(run_b)s::uuid)
),
totals as (
    select change, count(*) as records from difference group by change
),
of_column as (
    select named.column_name, count(*) as records
    from difference
    cross join lateral unnest(difference.columns) as named (column_name)
    group by named.column_name
),
ranked as (
    select *, row_number() over (partition by change order by coalesce(row_b, row_a)) as place
    from difference
)
select
    coalesce((select jsonb_object_agg(change, records) from totals), '{}') as totals,
    coalesce((select jsonb_object_agg(column_name, records order by column_name) from of_column), '{}') as changed_columns,
    coalesce(
        (
            select jsonb_agg(to_jsonb(ranked) - 'place' order by ranked.change, ranked.place)
            from ranked
            where ranked.place <= %(limit)s::integer
        ),
        '[]'
    ) as records

-- name: records_of_run
select
    row_number,
    plaintiff_name,
    firm_name,
    contact_name,
    contact_email,
    contact_phone,
    address,
    city,
    state,
    postal_code,
    case_reference,
    court,
    county,
    judgment_amount,
    judgment_date,
    defendant_name,
    source_reference,
    extra
from ingest.plaintiffs_raw
where import_run_id = %(run_id)s::uuid
    and row_number = any(%(row_numbers)s::integer[])
