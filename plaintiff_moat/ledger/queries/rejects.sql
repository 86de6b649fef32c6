-- Rejects: what they are, and how they come back.

-- name: require_replayable
select ingest.require_replayable(
    p_run_id => %(run_id)s::uuid,
    p_source_system => %(source_system)s::text,
    p_file_hash => %(file_hash)s::text,
    p_row_numbers => %(row_numbers)s::integer[]
)

-- name: reject_counts
select rejects, fixed, outstanding
from ingest.reject_counts(%(run_id)s::uuid, %(fixing)s::integer[], %(without)s::uuid)

-- name: rejects_of_run
select
    held.row_number,
    held.line_start,
    held.line_end,
    held.error_code,
    coalesce(held.error_message, '') as error_message,
    fixed.fixed_by_run,
    fixed.fixed_by_row
from ingest.v_rejects as held
left join ingest.fixed_rejects(%(run_id)s::uuid) as fixed on fixed.row_number = held.row_number
where held.import_run_id = %(run_id)s::uuid
order by held.row_number

-- name: rejects_to_export
select held.row_number, held.line_start, held.error_code, coalesce(held.error_message, '') as error_message, held.raw_payload
from ingest.v_rejects as held
where held.import_run_id = %(run_id)s::uuid
    and (
        %(everything)s::boolean
        or held.row_number not in (select fixed.row_number from ingest.fixed_rejects(%(run_id)s::uuid) as fixed)
    )
order by held.row_number

-- name: layout_of_export
select p.source_layout
from ingest.v_run_profiles as p
where p.import_run_id = %(run_id)s::uuid

-- name: source_layout
select
    r.source_layout,
    (
        select array_agg(distinct named.label order by named.label)
        from ingest.v_rejects as held
        cross join lateral jsonb_object_keys(
            case jsonb_typeof(held.raw_payload) when 'object' then held.raw_payload end
        ) as named (label)
        where held.import_run_id = r.id
            and r.source_layout is null
    ) as labels
from ingest.import_runs as r
where r.id = %(run_id)s::uuid
