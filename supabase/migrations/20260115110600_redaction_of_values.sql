-- The same for jsonb: texts, keys and numbers through every level, and nothing at all under a key that announces a
-- sensitive value.

create function ingest._sensitive_terms()
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- Those of plaintiff_moat/redaction/keys.py, where their sources stand; a test holds the two lists together.
    select array[
        'ssn', 'ssno', 'ssnum', 'ssnumber', 'ssnbr',
        'socsec', 'socsecno', 'socsecnum', 'socsecnumber', 'socialsec', 'socialno', 'socialnumber', 'socialsecurity', 'socialinsurance', 'sin',
        'itin', 'tin', 'tinno', 'tinnum', 'tinnumber', 'ein', 'fein', 'taxid', 'taxidnumber', 'taxno', 'taxnumber', 'taxpayerid', 'fedid', 'federalid',
        'dob', 'dateofbirth', 'datebirth', 'birthdate', 'birthdt', 'birthday',
        'cardnumber', 'cardno', 'cardnum', 'cardnbr', 'ccnumber', 'ccno', 'ccnum', 'creditcard', 'debitcard',
        'cardpan', 'pannumber', 'cvv', 'cvc', 'cvn', 'csccode', 'cardcsc', 'securitycode',
        'accountnumber', 'accountno', 'accountnum', 'accountnbr', 'acctnumber', 'acctno', 'acctnum', 'acctnbr',
        'bankaccount', 'bankacct', 'iban', 'routingnumber', 'routingno', 'abanumber',
        'driverslic', 'driverlic',
        'driverslicense', 'driverlicense', 'driverslicence', 'driverlicence', 'dlnumber', 'dlno',
        'passport', 'nationalid', 'pin', 'pinnumber',
        'password', 'passwd', 'pwd', 'passcode', 'passphrase', 'apikey', 'accesstoken', 'refreshtoken',
        'authtoken', 'bearertoken', 'clientsecret', 'secretkey', 'privatekey', 'authorization', 'credentials'
    ]
$$;

comment on function ingest._sensitive_terms() is 'Words that announce a value which is never shown, in lower case and without breaks.';

create function ingest._is_sensitive(p_key text)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_words constant integer := 40;
    -- a key that held a number is no worse for the token that replaced it
    v_key text := replace(replace(p_key, '[SSN_REDACTED]', ' 0 '), '[CARD_REDACTED]', ' 0 ');
    v_whole text;
    v_words text[];
begin
    -- letters and digits beyond ASCII are letters here; other characters beyond it are breaks only as dashes and spaces
    v_key := regexp_replace(normalize(v_key, NFKC), '[\u00a0\u00ad\u2010-\u2015\u200b-\u200d\u2212]', ' ', 'g');
    v_whole := translate(
        regexp_replace(v_key, '[^0-9A-Za-z\u0080-\U0010ffff]+', '', 'g'),
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'
    );
    if v_whole ~ ('^ssn|ssn$|^(?:token|secret|pan|csc|cc|ss|social)$|socialsecurity|socialinsurance|creditcard|debitcard'
        '|cardnumber|cardverification|taxpayerid|taxidentification|dateofbirth')
    then
        return true;
    end if;
    if v_whole !~ array_to_string(ingest._sensitive_terms(), '|') and position('#' in v_key) = 0 then
        return false;
    end if;
    -- Whole words decide, up to four together: `debtorSSN` is sensitive and `business` is not.
    v_words := regexp_split_to_array(
        translate(
            btrim(regexp_replace(
                replace(v_key, '#', ' number '),
                '(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|[^0-9A-Za-z\u0080-\U0010ffff]+',
                ' ',
                'g'
            )),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'
        ),
        ' +'
    );
    return exists (
        select
        from generate_series(1, least(cardinality(v_words), c_most_words)) as first_word
        cross join generate_series(first_word, least(first_word + 3, cardinality(v_words), c_most_words)) as last_word
        where array_to_string(v_words[first_word:last_word], '') = any (ingest._sensitive_terms())
    );
end
$$;

comment on function ingest._is_sensitive(text) is 'Whether a key or column of this name announces a value that is never shown.';

create function ingest._redact_value(p_value jsonb, p_depth integer)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    c_deepest constant integer := 50;  -- as in redaction/values.py; a hundred times that would end the server's stack
    v_kind constant text := jsonb_typeof(p_value);
    v_text text;
begin
    if v_kind in ('object', 'array') and p_depth > c_deepest then
        return '"[REDACTED]"'::jsonb;
    elsif v_kind = 'object' then
        return (
            select coalesce(
                jsonb_object_agg(
                    ingest.redact(held.key),
                    case
                        when jsonb_typeof(held.value) <> 'null' and ingest._is_sensitive(held.key)
                            then ingest._hide_value(held.value)
                        else ingest._redact_value(held.value, p_depth + 1)
                    end
                ),
                '{}'
            )
            from jsonb_each(p_value) as held
        );
    elsif v_kind = 'array' then
        return (
            select coalesce(jsonb_agg(ingest._redact_value(held.value, p_depth + 1) order by held.place), '[]')
            from jsonb_array_elements(p_value) with ordinality as held (value, place)
        );
    elsif v_kind in ('string', 'number') then
        v_text := ingest.redact(p_value #>> '{}');
        if v_text <> p_value #>> '{}' then
            return to_jsonb(v_text);
        end if;
    end if;
    return p_value;
end
$$;

comment on function ingest._redact_value(jsonb, integer) is 'ingest.redact of a value that is held at this depth.';

create function ingest._hide_value(p_value jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- What the importer leaves of a sensitive cell, the last four characters at most, is hidden already.
    select case
        when p_value #>> '{}' ~ '^(?:\*{4}(?:.{4})?|\[(?:SSN_|CARD_)?REDACTED\])$' then p_value
        else '"[REDACTED]"'
    end
$$;

comment on function ingest._hide_value(jsonb) is '[REDACTED], or the value when nothing of it is shown.';

create function ingest.redact(p_value jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select ingest._redact_value(p_value, 0)
$$;

comment on function ingest.redact(jsonb) is
    'The value with its texts, keys and numbers redacted through every level; values of sensitive keys, and what is'
    ' nested deeper than 50 levels, become [REDACTED].';
