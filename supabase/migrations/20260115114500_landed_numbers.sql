-- What landed rows may not hold. Rejects are judged whole: their code, message and payload. Of valid rows, which are
-- what vendors sent, judged are the warnings and, in extra, the columns whose names announce a sensitive value: their
-- cells stand there masked. The other cells of extra are kept as sent by intent, and nine digits are many a vendor's id.

create function ingest._require_unnumbered(p_names text[])
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from unnest(p_names) as held (name) where ingest.redact(held.name) <> held.name) then
        raise exception 'a social security or card number stands in the name of a column, or in what separates their cells'
            using errcode = 'ML007', hint = 'redact it, as ingest.redact does, before landing';
    end if;
end
$$;

comment on function ingest._require_unnumbered(text[]) is 'Raises ML007 for a name of a column, or what separates their cells, that holds a number.';

create function ingest._require_masked(p_values jsonb[])
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from unnest(p_values) as cell (value) where cell.value <> 'null' and ingest._hide_value(cell.value) <> cell.value
    ) then
        raise exception 'a sensitive column stands in clear in extra or raw_payload'
            using errcode = 'ML007', hint = 'leave no more than the last four characters of it, behind ****';
    end if;
end
$$;

comment on function ingest._require_masked(jsonb[]) is 'Raises ML007 for a cell of a sensitive column that stands in clear.';

create function ingest._require_redacted(p_texts text[], p_payloads jsonb[])
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_names text[] := array(
        select distinct jsonb_object_keys(case jsonb_typeof(held.payload) when 'object' then held.payload end)
        from unnest(p_payloads) as held (payload)
    );
begin
    perform ingest._require_unnumbered(v_names);
    perform ingest._require_masked(array(
        select held.payload -> sensitive.name
        from (select named.name from unnest(v_names) as named (name) where ingest._is_sensitive(named.name)) as sensitive
        cross join unnest(p_payloads) as held (payload)
    ));
    -- a chunk's rejects share a few codes and messages
    if exists (select from (select distinct unnest(p_texts) as text) as held where ingest.redact(held.text) <> held.text)
        or exists (
            select
            from unnest(p_payloads) as held (payload)
            where jsonb_typeof(held.payload) <> 'object' and ingest.redact(held.payload) <> held.payload
        )
        or exists (
            select
            from unnest(p_payloads) as held (payload)
            cross join lateral jsonb_each(case jsonb_typeof(held.payload) when 'object' then held.payload end) as cell
            where case
                when jsonb_typeof(cell.value) in ('object', 'array') then ingest.redact(cell.value) <> cell.value
                -- most cells are done here, without the price of a call
                else cell.value #>> '{}' ~ ingest._nine_digits() and ingest.redact(cell.value #>> '{}') <> cell.value #>> '{}'
            end
        )
    then
        raise exception 'a social security or card number stands in a reject''s code, message or payload, or in a warning'
            using errcode = 'ML007', hint = 'redact them, as ingest.redact does, before landing';
    end if;
end
$$;

comment on function ingest._require_redacted(text[], jsonb[]) is
    'Raises ML007 unless these codes, messages, warnings and payloads of rejects tell no number and no sensitive column.';
