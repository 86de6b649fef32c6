"""Rules that every object of the schema keeps: ours, and those of Supabase's database linter (splinter) that apply.

Each is a query for what breaks it: https://supabase.com/docs/guides/database/database-linter. Supabase asks some of its
rules of the schemas only that its API shows; here they hold for `ingest` whether it is shown or not.
"""

import pytest
from ledger_steps import Connection

_RULES = {
    "a definer function is owned by a role that neither logs in nor passes row security": """
        select p.oid::regprocedure::text
        from pg_proc as p
        inner join pg_roles as r on r.oid = p.proowner
        where p.pronamespace = 'ingest'::regnamespace
            and p.prosecdef
            and (r.rolname <> 'moat_owner' or r.rolcanlogin or r.rolsuper or r.rolbypassrls)
    """,
    "a definer function is executed by roles that were named": """
        select p.oid::regprocedure::text
        from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as given
        where p.pronamespace = 'ingest'::regnamespace and given.grantee = 0
    """,
    "every schema, table, view, function, type, trigger and policy says what it is for": """
        select format('%s %s', kind, name)
        from (
            select 'schema' as kind, n.nspname::text as name, obj_description(n.oid, 'pg_namespace') as said
            from pg_namespace as n
            where n.nspname = 'ingest'
            union all
            select 'relation', c.relname, obj_description(c.oid, 'pg_class')
            from pg_class as c
            where c.relnamespace = 'ingest'::regnamespace and c.relkind not in ('i', 'c')
            union all
            select 'function', p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc')
            from pg_proc as p
            where p.pronamespace = 'ingest'::regnamespace
            union all
            select 'type', t.typname, obj_description(t.oid, 'pg_type')
            from pg_type as t
            left join pg_class as c on c.oid = t.typrelid
            where t.typnamespace = 'ingest'::regnamespace
                and t.typcategory <> 'A'
                and coalesce(c.relkind, 'c') = 'c'
            union all
            select 'trigger', t.tgname, obj_description(t.oid, 'pg_trigger')
            from pg_trigger as t
            inner join pg_class as c on c.oid = t.tgrelid
            where c.relnamespace = 'ingest'::regnamespace and not t.tgisinternal
            union all
            select 'policy', p.polname, obj_description(p.oid, 'pg_policy')
            from pg_policy as p
            inner join pg_class as c on c.oid = p.polrelid
            where c.relnamespace = 'ingest'::regnamespace
        ) as objects
        where said is null
    """,
    "every column of a table says what it holds": """
        select a.attrelid::regclass || '.' || a.attname
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 'ingest'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and col_description(a.attrelid, a.attnum) is null
    """,
    "a column of a view says what it holds, unless a commented column elsewhere has its name": """
        with columns as (
            select c.relkind, a.attrelid, a.attname, col_description(a.attrelid, a.attnum) as said
            from pg_attribute as a
            inner join pg_class as c on c.oid = a.attrelid
            where c.relnamespace = 'ingest'::regnamespace
                and c.relkind in ('r', 'v')
                and a.attnum > 0
                and not a.attisdropped
        )
        select unsaid.attrelid::regclass || '.' || unsaid.attname
        from columns as unsaid
        where unsaid.said is null
            and not exists (
                select from columns as same where same.attname = unsaid.attname and same.said is not null
            )
    """,
    "every check has a name of its own": """
        select conrelid::regclass || '.' || conname
        from pg_constraint
        where connamespace = 'ingest'::regnamespace and contype = 'c' and conname ~ '_check[0-9]*$'
    """,
    "every table has a primary key (splinter 0004)": """
        select c.relname::text
        from pg_class as c
        where c.relnamespace = 'ingest'::regnamespace
            and c.relkind = 'r'
            and not exists (select from pg_index as i where i.indrelid = c.oid and i.indisprimary)
    """,
    "every foreign key has an index (splinter 0001)": """
        select f.conname::text
        from pg_constraint as f
        where f.connamespace = 'ingest'::regnamespace
            and f.contype = 'f'
            and not exists (
                select
                from pg_index as i
                where i.indrelid = f.conrelid
                    and i.indisvalid
                    and (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(f.conkey)] = f.conkey
            )
    """,
    "no policy is idle because its table has row security off (splinter 0007)": """
        select p.polname::text
        from pg_policy as p
        inner join pg_class as c on c.oid = p.polrelid
        where c.relnamespace = 'ingest'::regnamespace and not c.relrowsecurity
    """,
    "no table has row security and no policy (splinter 0008)": """
        select c.relname::text
        from pg_class as c
        where c.relnamespace = 'ingest'::regnamespace
            and c.relrowsecurity
            and not exists (select from pg_policy as p where p.polrelid = c.oid)
    """,
    "no two indexes are the same (splinter 0009)": """
        select min(indexrelid::regclass::text)
        from pg_index as i
        inner join pg_class as c on c.oid = i.indrelid
        where c.relnamespace = 'ingest'::regnamespace
        group by i.indrelid, i.indkey::text, i.indclass::text, pg_get_expr(i.indpred, i.indrelid),
            pg_get_expr(i.indexprs, i.indrelid)
        having count(*) > 1
    """,
    "no view lends the owner's rights to PUBLIC, anon or authenticated (splinter 0010, 0016, 0023)": """
        select c.relname::text
        from pg_class as c, aclexplode(c.relacl) as given
        where c.relnamespace = 'ingest'::regnamespace
            and (given.grantee = 0 or given.grantee::regrole::text in ('anon', 'authenticated'))
    """,
    "no function's search_path is its caller's (splinter 0011)": """
        select p.oid::regprocedure::text
        from pg_proc as p
        where p.pronamespace = 'ingest'::regnamespace
            and not exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%')
    """,
    "nothing of ours is in a schema that an API shows, and all of it has row security (splinter 0013)": """
        select c.oid::regclass::text
        from pg_class as c
        where c.relnamespace = 'public'::regnamespace
        union all
        select c.relname
        from pg_class as c
        where c.relnamespace = 'ingest'::regnamespace
            and c.relkind = 'r'
            and not (c.relrowsecurity and c.relforcerowsecurity)
            and c.relname <> 'landed_rows'  -- COPY FROM is refused under row security; its guard is a trigger
    """,
    "no column of a table is named like a secret or an identity number (splinter 0023)": r"""
        select a.attrelid::regclass || '.' || a.attname
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 'ingest'::regnamespace
            and c.relkind in ('r', 'v')
            and a.attname ~ '(ssn|social|passw|secret|token|card|cvv|account|iban|licence|passport|tax_id|birth)'
    """,
}


@pytest.mark.parametrize("rule", _RULES)
def test_rule(conn: Connection, rule: str) -> None:
    """Nothing breaks it."""
    assert [found for (found,) in conn.execute(_RULES[rule].encode())] == []
