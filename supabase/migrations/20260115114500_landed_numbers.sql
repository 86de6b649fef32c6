-- What landed rows may not hold. Rejects are judged whole: their code, message and payload. Of valid rows, which are
-- what vendors sent, judged are the warnings and, in extra, the columns whose names announce a sensitive value: their
-- cells stand there masked. The other cells of extra are kept as sent by intent, and nine digits are many a vendor's id.

create function ingest._guard_landed_numbers()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_names text[];
    v_sensitive text[];
    v_look record;
begin
    -- One look at every row tells which of the others are worth it. The rows of a file have the same keys: those of one
    -- row are mostly all.
    v_names := array(
        select jsonb_object_keys(one.extra)
        from (select l.extra from landed as l where jsonb_typeof(l.extra) = 'object' limit 1) as one
    );
    select
        bool_or(l.error_code is not null) as at_rejects,
        bool_or(l.warnings <> '{}') as at_warnings,
        bool_or(l.extra - v_names <> '{}') filter (where jsonb_typeof(l.extra) = 'object') as at_keys
    into v_look
    from landed as l;

    if v_look.at_keys then
        v_names := array(
            select distinct jsonb_object_keys(case jsonb_typeof(l.extra) when 'object' then l.extra end) from landed as l
        );
    end if;
    if v_look.at_rejects then
        v_names := v_names || array(
            select distinct jsonb_object_keys(case jsonb_typeof(l.raw_payload) when 'object' then l.raw_payload end)
            from landed as l
            where l.error_code is not null
        );
    end if;
    v_sensitive := array(select held.name from unnest(v_names) as held (name) where ingest._is_sensitive(held.name));
    if cardinality(v_sensitive) > 0 and exists (
        select
        from landed as l
        cross join unnest(v_sensitive) as sensitive (name)
        cross join lateral (values (l.extra -> sensitive.name), (l.raw_payload -> sensitive.name)) as cell (value)
        where cell.value <> 'null' and ingest._hide_value(cell.value) <> cell.value
    ) then
        raise exception 'a sensitive column stands in clear in extra or raw_payload'
            using errcode = 'ML007', hint = 'leave no more than the last four characters of it, behind ****';
    end if;

    if exists (select from unnest(v_names) as held (name) where ingest.redact(held.name) <> held.name)
        or v_look.at_warnings and exists (
            select
            from (select distinct unnest(l.warnings) as warning from landed as l where l.warnings <> '{}') as held
            where ingest.redact(held.warning) <> held.warning
        )
        or v_look.at_rejects and exists (
            select
            from landed as l
            where l.error_code is not null
                and (
                    ingest.redact(l.error_code) <> l.error_code
                    or ingest.redact(l.error_message) <> l.error_message
                    or jsonb_typeof(l.raw_payload) <> 'object' and ingest.redact(l.raw_payload) <> l.raw_payload
                )
        )
        or v_look.at_rejects and exists (
            select
            from landed as l
            cross join lateral jsonb_each(case jsonb_typeof(l.raw_payload) when 'object' then l.raw_payload end) as cell
            where l.error_code is not null
                and case
                    when jsonb_typeof(cell.value) in ('object', 'array') then ingest.redact(cell.value) <> cell.value
                    else ingest.redact(cell.value #>> '{}') <> cell.value #>> '{}'
                end
        )
    then
        raise exception
            'a social security or card number stands in a reject''s code, message or payload, a warning, or a column''s name'
            using errcode = 'ML007', hint = 'redact them, as ingest.redact does, before landing';
    end if;
    return null;
end
$$;

comment on function ingest._guard_landed_numbers() is 'Refuses rows that tell a number, or a sensitive column in clear.';

create trigger landed_rows_hold_no_numbers
after insert on ingest.landed_rows
referencing new table as landed
for each statement execute function ingest._guard_landed_numbers();

alter table ingest.landed_rows enable always trigger landed_rows_hold_no_numbers;
comment on trigger landed_rows_hold_no_numbers on ingest.landed_rows is 'No reject holds a social security or card number.';
