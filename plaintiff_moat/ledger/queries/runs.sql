-- Reading runs.

-- name: run
select * from ingest.v_runs where id = %(run_id)s::uuid

-- name: runs_by_prefix
select id from ingest.v_runs where starts_with(id::text, %(prefix)s::text) limit 2

-- name: live_run_of_delivery
select *
from ingest.v_runs
where source_system = %(source_system)s::text
    and source_batch_id = %(source_batch_id)s::text
    and file_hash = %(file_hash)s::text
    and status <> 'rolled_back'

-- name: reader_of_delivery
select
    r.id,
    e.details ->> 'reader_fingerprint' as reader_fingerprint
from ingest.v_runs as r
inner join ingest.v_run_events as e on r.id = e.import_run_id
where r.source_system = %(source_system)s::text
    and r.source_batch_id = %(source_batch_id)s::text
    and r.file_hash = %(file_hash)s::text
    and r.status <> 'rolled_back'
    and e.details ->> 'reader_fingerprint' is not null
order by e.seq desc
limit 1

-- name: beside_delivery
select
    (
        select id
        from ingest.v_runs
        where source_system = %(source_system)s::text
            and source_batch_id = %(source_batch_id)s::text
            and file_hash <> %(file_hash)s::text
            and status = 'completed'
        order by publish_seq desc
        limit 1
    ) as other_delivery,
    undone.id as predecessor,
    undone.rollback_reason as predecessor_undone
from (values (1)) as one (row)
left join lateral (
    select id, rollback_reason
    from ingest.v_runs
    where source_system = %(source_system)s::text
        and file_hash = %(file_hash)s::text
        and status = 'rolled_back'
    order by rolled_back_at desc
    limit 1
) as undone on true

-- name: latest_runs
select * from ingest.v_latest_runs

-- name: run_events
select * from ingest.v_run_events where import_run_id = %(run_id)s::uuid order by seq
