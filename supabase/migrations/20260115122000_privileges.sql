-- Who may do what. Everything belongs to moat_owner, nothing is anybody's by default, and each grant stands here.

do $$
declare
    v_object record;
begin
    for v_object in
        select format('alter table ingest.%I owner to moat_owner', c.relname) as statement
        from pg_catalog.pg_class as c
        where c.relnamespace = 'ingest'::regnamespace
            and c.relkind in ('r', 'v')
        union all
        select format('alter function %s owner to moat_owner', p.oid::regprocedure)
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'ingest'::regnamespace
        union all
        select format('alter type %s owner to moat_owner', t.oid::regtype)
        from pg_catalog.pg_type as t
        left join pg_catalog.pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'ingest'::regnamespace
            and (t.typtype = 'e' or c.relkind = 'c')
    loop
        execute v_object.statement;
    end loop;
end
$$;

-- How string literals are read is the caller's setting: '\s' could become 's'. (So is the path, which every function sets:
-- a caller owns its temporary schema, and under an empty path that schema comes first for the names of types, so that a
-- domain pg_temp.text would run its check, code of the caller's, as moat_owner. Named last, it is never looked into.)
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure from pg_catalog.pg_proc as p where p.pronamespace = 'ingest'::regnamespace
    loop
        execute format('alter function %s set standard_conforming_strings = on', v_function);
    end loop;
end
$$;

-- What PostgreSQL gives to everybody, and what a database's default privileges give to roles by name, as Supabase's do:
-- a revoke from public does not take the second.
do $$
declare
    v_grantee text;
    v_type regtype;
begin
    for v_grantee in
        select distinct coalesce(quote_ident(r.rolname), 'public')
        from (
            select c.relowner as owner, c.relacl as acl
            from pg_catalog.pg_class as c
            where c.relnamespace = 'ingest'::regnamespace
            union all
            select p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            from pg_catalog.pg_proc as p
            where p.pronamespace = 'ingest'::regnamespace
            union all
            select t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
            from pg_catalog.pg_type as t
            where t.typnamespace = 'ingest'::regnamespace
            union all
            select n.nspowner, n.nspacl
            from pg_catalog.pg_namespace as n
            where n.nspname = 'ingest'
        ) as held
        cross join aclexplode(held.acl) as given
        left join pg_catalog.pg_roles as r on r.oid = given.grantee
        where given.grantee <> held.owner
    loop
        execute format('revoke all on schema ingest from %s', v_grantee);
        execute format('revoke all on all tables in schema ingest from %s', v_grantee);
        execute format('revoke all on all sequences in schema ingest from %s', v_grantee);
        execute format('revoke all on all routines in schema ingest from %s', v_grantee);
        for v_type in
            select t.oid::regtype
            from pg_catalog.pg_type as t
            where t.typnamespace = 'ingest'::regnamespace
                and t.typcategory <> 'A'
        loop
            execute format('revoke all on type %s from %s', v_type, v_grantee);
        end loop;
    end loop;
end
$$;

-- Row-level security binds the owner as well; landed_rows is without it because COPY FROM refuses it.
do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'settings', 'source_systems', 'import_runs', 'landed_chunks', 'plaintiff_keys', 'early_keys', 'run_events',
        'event_heads', 'checkpoints', 'checkpoint_heads', 'chunk_profiles'
    ] loop
        execute format('alter table ingest.%I enable row level security', v_table);
        execute format('alter table ingest.%I force row level security', v_table);
        execute format(
            'create policy %I on ingest.%I for all to moat_owner using (true) with check (true)',
            v_table || '_of_owner', v_table
        );
        execute format(
            'comment on policy %I on ingest.%I is %L',
            v_table || '_of_owner', v_table, 'The functions, which run as the owner, see every row; nobody else sees any.'
        );
    end loop;
end
$$;

grant usage on schema ingest to dragonfly_app, moat_operator, service_role;

grant execute on function
    ingest.claim_import_run(text, text, text, text, text, text, text, integer, boolean),
    ingest.refuse_duplicate(text, text, text, text, text),
    ingest.lease_attempt(uuid),
    ingest.lease_run_no(uuid),
    ingest.open_chunk(uuid, integer, integer, bigint, bigint, integer, integer, text, text, text[], text),
    ingest.record_refusal(uuid, text, text, integer),
    ingest.take_keys_early(uuid, text, integer),
    ingest.outdated_writers(uuid),
    ingest.heartbeat_import_run(uuid, text, integer),
    ingest.finalize_import_run(uuid, integer, integer, integer, integer, jsonb, boolean, text, integer, uuid, uuid),
    ingest.active_keys(uuid[]),
    ingest.require_replaceable(uuid, text, text),
    ingest.require_replayable(uuid, text, text, integer[]),
    ingest.describe_source(uuid, jsonb, text, integer),
    ingest.state_control_totals(uuid, integer, numeric, text, text, integer),
    ingest.note_chunk(uuid, integer, integer, integer, integer[], numeric, numeric, integer, text, integer),
    ingest.record_drift(uuid, jsonb, text, integer),
    ingest.redact(text)
to dragonfly_app, service_role;

grant execute on function
    ingest.reconcile_import_run(uuid, integer, text, integer, uuid, uuid),
    ingest.reject_counts(uuid, integer[], uuid),
    ingest.rollback_import_run(uuid, text),
    ingest.preview_rollback(uuid),
    ingest.heirs_of_run(uuid),
    ingest.keys_without_heir(uuid)
to dragonfly_app, moat_operator, service_role;

-- Letting a file in again that somebody took out is a person's decision.
grant execute on function
    ingest.release_import_run(uuid, text),
    ingest.fixed_rejects(uuid, uuid),
    ingest.diff_runs(uuid, uuid)
to moat_operator, service_role;

grant insert on ingest.landed_rows to dragonfly_app, service_role;

grant select on
    ingest.v_runs,
    ingest.v_latest_runs,
    ingest.v_run_events,
    ingest.v_landed_chunks,
    ingest.v_duplicates_blocked,
    ingest.v_reconciliation_failures,
    ingest.v_rollback_verification,
    ingest.v_in_progress_runs,
    ingest.v_failed_runs,
    ingest.v_run_profiles,
    ingest.v_source_system_stats
to dragonfly_app, moat_operator, service_role;

-- Operators look at the runs themselves, as the runbook does; changing one by hand is for the owner.
create policy import_runs_for_operators on ingest.import_runs for select to moat_operator, service_role using (true);
comment on policy import_runs_for_operators on ingest.import_runs is 'Operators see every run.';

grant select on ingest.import_runs to moat_operator, service_role;

grant select on
    ingest.plaintiffs_raw,
    ingest.v_plaintiffs,
    ingest.v_rejects
to moat_operator, service_role;

-- Evidence is the operator's: no cell's value is in it, and nothing but a checkpoint is written.
grant select on
    ingest.v_event_chain,
    ingest.v_event_heads,
    ingest.v_checkpoints,
    ingest.v_checkpoint_heads,
    ingest.v_record_origins
to moat_operator, service_role;

grant execute on function
    ingest.take_checkpoint(),
    ingest.recount_run(uuid),
    ingest.total_of_run(uuid),
    ingest.landed_by_chunk(uuid),
    ingest.misrepresented_record(uuid),
    ingest.misowned_key(uuid),
    ingest.runless_landing(),
    ingest.fixes_digest(uuid),
    ingest.misplaced_fix(uuid)
to moat_operator, service_role;
