-- The roles that the moat speaks of, each created only where it is missing, and its schema.
--
-- moat_owner      owns every object of the schema; nobody logs in as it, and row-level security binds it too
-- dragonfly_app   the importer: calls the functions, lands rows, reads the views that hold no personal data
-- moat_operator   a person: reads everything, reconciles and rolls back
-- service_role    Supabase's trusted back end: importer and operator in one

do $$
declare
    v_role text;
begin
    foreach v_role in array array['moat_owner', 'dragonfly_app', 'moat_operator', 'service_role'] loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object then null;  -- another database of this server was migrated at the same moment
            end;
        end if;
    end loop;
end
$$;

-- Objects are created by whoever migrates and then handed to moat_owner, which takes membership.
grant moat_owner to current_user;

create schema ingest authorization moat_owner;

comment on schema ingest is
    'Vendor files of plaintiffs: claimed once, landed append-only, published whole, undone softly.';
