-- What a decent engineer writes in an afternoon: a staging table, types and identity in SQL, rejects set aside, and
-- `on conflict do nothing` for what is there already. The file's hash keeps it from being loaded twice.

create table loads (
    id integer generated always as identity primary key,
    file_hash text not null unique,
    loaded_at timestamptz not null default now()
);

create table plaintiffs (
    id bigint generated always as identity primary key,
    load_id integer not null references loads,
    identity bytea not null unique,
    plaintiff_name text not null,
    contact_email text,
    contact_phone text,
    firm_name text,
    court text,
    county text,
    case_reference text,
    judgment_amount numeric(14, 2),
    judgment_date date,
    defendant_name text,
    notes text
);

create table rejects (
    load_id integer not null references loads,
    line bigint not null,
    reason text not null,
    record jsonb not null
);

create function normal(value text) returns text
language sql immutable parallel safe
as $$ select lower(btrim(regexp_replace(normalize(coalesce(value, ''), nfkc), '\s+', ' ', 'g'))) $$;
