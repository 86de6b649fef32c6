-- What `moat doctor` asks.

-- name: about_the_session
select
    current_user::text as "user",
    current_setting('is_superuser') = 'on' as is_superuser,
    current_setting('server_version_num')::integer / 10000 as major,
    current_setting('server_version') as version,
    pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as is_read_only

-- name: memberships
select r.rolname::text as role
from pg_catalog.pg_roles as r
where r.rolname in ('moat_owner', 'dragonfly_app', 'moat_operator', 'service_role')
    and pg_has_role(current_user, r.oid, 'usage')
order by r.rolname

-- name: clock_and_backend
select extract(epoch from clock_timestamp())::double precision as seconds, pg_backend_pid() as backend

-- name: stale_runs
select id, source_system, worker_id, updated_at from ingest.v_runs where is_stale order by updated_at
