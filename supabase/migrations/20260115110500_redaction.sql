-- No social security or card number in what the ledger says of a file: error details, events, messages and payloads of
-- rejects. The importer redacts first, and knows more spellings; this is for whatever else writes here. What it finds is
-- found by the importer too (a test holds that), so that it never stands in an honest import's way.

create function ingest._passes_luhn(p_digits text)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
as $$
    -- every second digit from the right counts double, less 9 when that has two digits (ISO/IEC 7812-1, annex B)
    select sum(
        case
            when place % 2 = 1 then digit
            when digit > 4 then digit * 2 - 9
            else digit * 2
        end
    ) % 10 = 0
    from (
        select substr(p_digits, length(p_digits) + 1 - place, 1)::integer as digit, place
        from generate_series(1, length(p_digits)) as place
    ) as digits
$$;

comment on function ingest._passes_luhn(text) is 'Whether the last digit is the check digit of the others.';

create function ingest._redact_once(p_text text)
returns text
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    -- hyphen, space, no-break space, the dashes of Unicode, minus
    c_separator constant text := U&'[- \00a0\2010-\2015\2212]';
    c_not_after constant text := '(?<![0-9A-Za-z.+])(?<!:[0-9][0-9],)';
    c_not_before constant text := '(?![0-9A-Za-z]|[.][0-9])';
    v_text text := p_text;
    v_number text;
begin
    if p_text is null or p_text !~ '[0-9]{4}' then
        return p_text;
    end if;
    v_text := regexp_replace(
        v_text,
        '(?<![0-9])(?<![0-9]' || c_separator || ')(?:'
        || '[0-9]{4}(' || c_separator || ')[0-9]{4}\1[0-9]{4}\1[0-9]{4}'
        || '|[0-9]{4}(' || c_separator || ')[0-9]{6}\2[0-9]{5}'
        || ')(?![0-9])(?!' || c_separator || '[0-9])',
        '[CARD_REDACTED]',
        'g'
    );
    for v_number in
        select distinct run.digits[1]
        from regexp_matches(v_text, c_not_after || '([0-9]{13,19})' || c_not_before, 'g') as run (digits)
    loop
        if v_number ~ '^(?:4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|3[47][0-9]{13}|6(?:011|5[0-9]{2})[0-9]{12})$'
            and ingest._passes_luhn(v_number)
        then
            v_text := regexp_replace(v_text, c_not_after || v_number || c_not_before, '[CARD_REDACTED]', 'g');
        end if;
    end loop;
    return regexp_replace(
        v_text,
        '(?<![0-9])(?<!:[0-9][0-9][.,])[0-9]{3}(' || c_separator || ')[0-9]{2}\1[0-9]{4}(?![0-9])'
        || '|(?<![0-9A-Fa-f.])(?<!:[0-9][0-9],)[0-9]{9}(?![0-9A-Za-z]|[.][0-9])',
        '[SSN_REDACTED]',
        'g'
    );
end
$$;

comment on function ingest._redact_once(text) is 'One pass of ingest.redact: what it replaces can lay bare another number.';

create function ingest.redact(p_text text)
returns text
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_before text;
    v_after text := p_text;
begin
    -- ends: each pass that changes anything leaves fewer digits
    loop
        v_before := v_after;
        v_after := ingest._redact_once(v_before);
        exit when v_after is not distinct from v_before;
    end loop;
    return v_after;
end
$$;

comment on function ingest.redact(text) is
    'The text with each social security and card number in its common spellings replaced by [SSN_REDACTED] or'
    ' [CARD_REDACTED].';

create function ingest.redact(p_value jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case jsonb_typeof(p_value)
        when 'object' then (
            select coalesce(jsonb_object_agg(ingest.redact(held.key), ingest.redact(held.value)), '{}')
            from jsonb_each(p_value) as held
        )
        when 'array' then (
            select coalesce(jsonb_agg(ingest.redact(held.value) order by held.place), '[]')
            from jsonb_array_elements(p_value) with ordinality as held (value, place)
        )
        when 'string' then to_jsonb(ingest.redact(p_value #>> '{}'))
        when 'number' then case
            when ingest.redact(p_value #>> '{}') = p_value #>> '{}' then p_value
            else to_jsonb(ingest.redact(p_value #>> '{}'))
        end
        else p_value
    end
$$;

comment on function ingest.redact(jsonb) is 'The value with its texts, keys and numbers redacted, through every level.';
