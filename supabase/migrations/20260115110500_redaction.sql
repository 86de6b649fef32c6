-- No social security or card number in what the ledger says of a file: error details, events, messages and payloads of
-- rejects. The importer redacts first, and knows more spellings; this is for whatever else writes here. Its rules are
-- those of plaintiff_moat.redaction, each the same or narrower: what it finds is found by the importer too (a test holds
-- that), so that it never stands in an honest import's way. Where it cannot know what the importer makes of a character
-- or an escape beside a number, it leaves the number alone.
--
-- A text is cut once into groups of digits and the gaps before them; each group that can begin a number is judged by a
-- window of what stands around it. So time grows with the length of a text, and not otherwise.

create function ingest._is_card_number(p_digits text)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_size constant integer := length(p_digits);
    v_prefix constant integer := left(p_digits, 4)::integer;
    v_sum integer := 0;
    v_digit integer;
begin
    -- the issuers of redaction/cards.py
    if (case
        when v_size not between 13 and 19 then false
        -- Maestro, in the lengths it is rarely of
        when v_prefix in (5018, 5020, 5038, 5612, 5893, 6304, 6390, 6759) or v_prefix between 6760 and 6769 then true
        -- Visa; American Express and old JCB; Diners Club
        when v_prefix between 4000 and 4999 then v_size in (13, 16, 19)
        when v_prefix between 3400 and 3499 or v_prefix between 3700 and 3799 or v_prefix in (1800, 2131) then v_size = 15
        when v_prefix between 3000 and 3059 or v_prefix = 3095 or v_prefix between 3600 and 3999 then v_size >= 14
        -- Discover, UnionPay and Maestro; JCB; Mir; Maestro and Verve; UnionPay
        when v_prefix between 6000 and 6999 or v_prefix between 3528 and 3589 or v_prefix between 2200 and 2204
            or v_prefix between 5000 and 5099 or v_prefix between 5600 and 5899 or v_prefix between 8100 and 8199
            then v_size >= 16
        -- Mastercard; RuPay; Maestro, Uzcard, Humo, Troy, Napas
        else v_size = 16
            and (v_prefix between 5100 and 5599 or v_prefix between 2221 and 2720 or v_prefix between 8200 and 8299
                or v_prefix in (604, 8600, 9860, 9792, 9704))
    end) is not true then
        return false;
    end if;
    -- every second digit from the right counts double, less 9 when that has two digits (ISO/IEC 7812-1, annex B)
    for v_place in 1 .. v_size loop
        v_digit := ascii(substr(p_digits, v_place, 1)) - ascii('0');
        if (v_size - v_place) % 2 = 1 then
            v_digit := v_digit * 2 - (case when v_digit > 4 then 9 else 0 end);
        end if;
        v_sum := v_sum + v_digit;
    end loop;
    return v_sum % 10 = 0;
end
$$;

comment on function ingest._is_card_number(text) is
    'Whether the digits begin as an issuer''s, are as many, and the last one is the check digit of the others.';

create function ingest._number_at(p_left text, p_right text, p_decoded boolean)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- up to three separators, or a line break and its indent
    c_gap constant text := '(?:[-._+ \t\r]{1,3}|[-._+ \t\r]{0,3}[\n\v\f][-._+ \t\r]{0,12})';
    c_same_gaps constant text := '^[0-9]+([^0-9]+)[0-9]+(?:\1[0-9]+)+$';
    -- characters that are neither a digit nor a separator nor without width in any reading of the importer's
    c_unknown constant text := '[^\u0001-\u007f\u00a1-\u00b1\u00b4-\u00c1\u00c3-\u00e1\u00e3-\u02c6\u0391-\u03c9'
        '\u0400-\u0481\u048a-\u052f\u05d0-\u05ea\u0621-\u064a\u2018-\u2021\u2026\u20ac\u3001\u3041-\u3096\u30a1-\u30fa'
        '\u4e00-\u9fff\uac00-\ud7a3\uff08\uff09\uff0c\uff1a]';
    c_sizes constant text := '(?:(?:[0-9]{4}%1$s){3}(?:[0-9]{3}|[0-9]{4}(?:%1$s[0-9]{3})?)'
        '|[0-9]{4}%1$s[0-9]{6}%1$s[0-9]{4,5})(?![0-9])';
    v_size constant integer := length(substring(p_right from '^[0-9]*'));
    v_is_card constant boolean := v_size = 4 or v_size > 9;
    v_number text;
    v_gap text;
    v_after text;
    v_word text;
begin
    if v_size = 3 then
        v_number := substring(
            p_right from '^[0-9]{3}(?:-[0-9]{6}|' || c_gap || '[0-9]{2}' || c_gap || '[0-9]{4})(?![0-9])'
        );
    elsif v_size = 9 or v_size > 9 and ingest._is_card_number(left(p_right, v_size)) then
        v_number := left(p_right, v_size);
    elsif v_size = 4 then
        v_number := substring(p_right from '^' || format(c_sizes, c_gap));
        if length(regexp_replace(v_number, '[^0-9]+', '', 'g')) = 19
            and not ingest._is_card_number(regexp_replace(v_number, '[^0-9]+', '', 'g'))
        then
            v_number := substring(v_number from '^(.*[0-9])[^0-9]+[0-9]+$');
        end if;
        if v_number is null then
            -- any other mark joins the printed groupings of a card: 4111/1111/1111/1111
            v_number := substring(p_right from '^' || format(c_sizes, '[/:|*~,;=#]'));
            if v_number !~ c_same_gaps or not ingest._is_card_number(regexp_replace(v_number, '[^0-9]+', '', 'g'))
                or p_left ~ '(?:[0-9]{4}|[0-9]{6})[/:|*~,;=#]$'  -- a longer row
            then
                return null;
            end if;
        elsif not ingest._is_card_number(regexp_replace(v_number, '[^0-9]+', '', 'g')) then
            -- 4-4-4-4, 4-6-5 and 4-4-4-3, whatever prefix and check digit; but not years, nor part of a longer row of fours
            v_gap := substring(v_number from '[^0-9]+');
            v_after := substr(p_right, length(v_number) + 1);
            if v_number !~ c_same_gaps
                or left(v_number, 2) in ('19', '20')
                or length(v_number) = 14 + 2 * length(v_gap)
                or right(p_left, length(v_gap)) = v_gap and left(p_left, -length(v_gap)) ~ '(?:^|[^0-9])[0-9]{4}$'
                or left(v_after, length(v_gap)) = v_gap and substr(v_after, length(v_gap) + 1) ~ '^[0-9]{4}(?![0-9])'
            then
                return null;
            end if;
        end if;
    end if;
    if v_number is null then
        return null;
    end if;

    -- What stands around it can make it part of something innocent, or hide what the importer sees in it.
    v_after := substr(p_right, length(v_number) + 1);
    if right(p_left, 3) || left(v_after, 3) ~ c_unknown then
        return null;
    end if;
    if p_decoded and (
        p_left ~ '(?:%|[%\\&][0-9A-Za-z#;{}%\\&]{1,30})[-._+\s]{0,3}$'
        or p_left ~ '\\$' and p_right ~ '^[0-3][0-7]{2}'  -- octal
        or v_after ~ '^[-._+\s]{0,3}(?:%[0-9A-Fa-f]{2}|\\|&(?:#|[A-Za-z]{2,}))'
    ) then
        return null;
    end if;
    if v_size = 3 and length(v_number) > 10 then
        -- milliseconds of a time of day; an address of the internet
        if right(p_left, 1) in ('.', ',') and (
            p_left ~ ':[0-9]{2}:[0-9]{2}[.,]$'
            or substr(v_number, 4, 1) = '.' and p_left ~ '(?:^|[^0-9])[0-9]{1,3}[.][0-9]{1,3}[.]$'
                and v_number !~ c_same_gaps
        ) then
            return null;
        end if;
        return v_number;
    end if;
    -- the decimals of a number or of a second; an amount to the cent; an international telephone number
    if v_size > 4 or not v_is_card then
        if right(p_left, 1) in ('.', ',')
            and p_left ~ '(?:^|[^0-9])(?:[0-9]{1,8}|[0-9]{10,12})[.]$|:[0-9]{2}:[0-9]{2},$'
            or p_left ~ (c_unknown || '[0-9]{1,12}[.]$')
            or not v_is_card and v_after ~ '^[.][0-9]{2}(?:[A-Za-z]{3})?(?![0-9A-Za-z_]|[-.][0-9A-Za-z])'
            or v_size = 13 and right(p_left, 1) = '+'
        then
            return null;
        end if;
    end if;
    if right(p_left, 1) || left(v_after, 1) ~ '[-0-9A-Za-z]' then
        -- a memory address, a digest, a UUID
        v_word := lower(
            substring(p_left from '[0-9A-Fa-f]*$') || v_number || substring(v_after from '^[0-9A-Fa-f]*')
        );
        if p_left ~ '(?:^|[^0-9A-Za-z])0x[0-9A-Fa-f]*$' and v_after ~ '^[0-9A-Fa-f]*(?![0-9A-Za-z])'
            or v_word ~ '^[0-9a-f]*[a-f][0-9a-f]*$' and (
                length(v_word) in (16, 24, 32, 40, 56, 64, 96, 128)
                or length(v_word) > 16 and (p_decoded or p_left ~ '(?:%|\\[ux]?)[0-9A-Fa-f]*$')
            )
            or right(p_left, 36 - length(v_number)) || v_number || left(v_after, 36 - length(v_number))
                ~* '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
            or p_left ~ (c_unknown || '[-0-9A-Za-z]*$') or v_after ~ ('^[-0-9A-Za-z]*' || c_unknown)
            or p_decoded and (p_left ~ '[%\\&][-0-9A-Za-z;]*$' or v_after ~ '^[-0-9A-Za-z]*[%\\&]')
        then
            return null;
        end if;
    end if;
    return v_number;
end
$$;

comment on function ingest._number_at(text, text, boolean) is
    'The social security or card number that begins where the two halves of a text meet, as it is spelled; null when'
    ' there is none. In a decoded text nothing counts beside an escape that was not decoded.';

create function ingest._redact_reading(p_text text, p_decoded boolean)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- ASCII, full-width, Arabic-Indic, its eastern form, Devanagari
    c_digit constant text := '[0-9\uff10-\uff19\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]';
    c_no_digit constant text := '[^0-9\uff10-\uff19\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]';
    -- without width: the soft hyphen, joiners, marks of direction, control characters
    c_hidden constant text :=
        '[\u0001-\u0008\u000e-\u001f\u007f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]';
    -- digits; dashes and minus signs; spaces; dots; line breaks
    c_folded constant text := U&'\FF10\FF11\FF12\FF13\FF14\FF15\FF16\FF17\FF18\FF19'
        '\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669\06F0\06F1\06F2\06F3\06F4\06F5\06F6\06F7\06F8\06F9'
        '\0966\0967\0968\0969\096A\096B\096C\096D\096E\096F'
        '\2010\2011\2012\2013\2014\2015\2212\2043\FE58\FE63\FF0D\FFFD'
        '\00A0\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\202F\205F\3000'
        '\00B7\2022\2024\2027\2219\22C5\3002\FF0E\0085\2028\2029';
    c_folds_to constant text := '0123456789012345678901234567890123456789------------               ........'
        || E'\n\n\n';
    -- escapes of the commonest separators: percent, backslash, HTML
    c_dash constant text := '%(?:25){0,4}(?:2[Dd]|[Ee]2%(?:25){0,4}80%(?:25){0,4}9[0-5]|[Ee]2%(?:25){0,4}88%(?:25){0,4}92'
        '|u201[0-5]|u2212|u002[Dd])'
        '|\\{1,4}(?:x2[Dd]|055|u002[Dd]|u201[0-5]|u2212|xe2\\{1,4}x80\\{1,4}x9[0-5]|342\\{1,4}200\\{1,4}22[0-5])'
        '|&(?:amp;){0,4}(?:#45(?![0-9]);?|#[xX]2[Dd](?![0-9A-Fa-f]);?|#(?:821[23]|8208|8209|8210|8211|8722);'
        '|#[xX](?:201[0-5]|2212);|(?:hyphen|dash|ndash|mdash|minus);)';
    c_space constant text := '%(?:25){0,4}(?:20|[Cc]2%(?:25){0,4}[Aa]0)|\\{1,4}(?:x20|xa0|040|u0020|u00[Aa]0|u2009|u202[Ff]|r|t)'
        '|&(?:amp;){0,4}(?:#(?:32|160|8201|8239);|#[xX](?:20|[Aa]0|2009|202[Ff]);|(?:nbsp|ensp|emsp|thinsp);)';
    c_dot constant text := '%(?:25){0,4}2[Ee]|\\{1,4}(?:x2[Ee]|056|u002[Ee])|&(?:amp;){0,4}(?:#46;|#[xX]2[Ee];|period;)';
    c_break constant text := '%(?:25){0,4}0[Aa]|\\{1,4}(?:n|u000[Aa])|&(?:amp;){0,4}#10;';
    c_nothing constant text := '%(?:25){0,4}[Cc]2%(?:25){0,4}[Aa][Dd]|\\{1,4}(?:xad|u00[Aa][Dd]|u200[BbCcDd]|u[Ff][Ee][Ff][Ff])'
        '|&(?:amp;){0,4}(?:#(?:173|8203|8204|8205);|#[xX](?:[Aa][Dd]|200[BbCcDd]);|(?:shy|zwj|zwnj);)';
    c_escape constant text := c_dash || '|' || c_space || '|' || c_dot || '|' || c_break || '|' || c_nothing;
    c_worth_a_look constant text := '[0-9]{9}|[0-9]{3}(?:-[0-9]{6}|[^0-9]{1,16}[0-9]{2}[^0-9]{1,16}[0-9]{4})'
        '|[0-9]{4}[^0-9]{1,16}[0-9]{4}(?:[0-9]{2}[^0-9]{1,16}[0-9]{4}|[^0-9]{1,16}[0-9]{4}[^0-9]{1,16}[0-9]{3})';
    v_gaps text[];
    v_groups text[];
    v_gaps_read text[];
    v_groups_read text[];
    v_left text := '';
    v_right text;
    v_number text;
    v_after integer := 1;  -- the group after the last number found
    v_ahead integer;
    v_found boolean := false;
begin
    if p_decoded and p_text !~ ('[%\\&]|' || c_hidden)
        or not p_decoded and (case
            -- all of it is ASCII, where nothing is folded, and folding takes longer than the look
            when octet_length(p_text) = length(p_text) then p_text
            else translate(p_text, c_folded, c_folds_to)
        end) !~ c_worth_a_look
    then
        return p_text;
    end if;
    -- One row for each group of digits and the gap before it; the last row is what follows them.
    select
        array_agg(cut.piece[1] order by cut.place),
        array_agg(cut.piece[2] order by cut.place),
        array_agg(
            case when p_decoded then
                regexp_replace(translate(read.gap, c_folded, c_folds_to), c_hidden, '', 'g')
            else
                translate(read.gap, c_folded, c_folds_to)
            end
            order by cut.place
        ),
        array_agg(
            translate(
                case when p_decoded then regexp_replace(cut.piece[2], c_nothing || '|' || c_hidden, '', 'g') else cut.piece[2] end,
                c_folded, c_folds_to
            )
            order by cut.place
        )
    into v_gaps, v_groups, v_gaps_read, v_groups_read
    from regexp_matches(
        p_text,
        case when p_decoded
            then '((?:' || c_escape || '|' || c_no_digit || ')*)(' || c_digit || '(?:(?:' || c_hidden || '|' || c_nothing || ')*' || c_digit || ')*|$)'
            else '(' || c_no_digit || '*)(' || c_digit || '+|$)'
        end,
        'g'
    ) with ordinality as cut (piece, place)
    cross join lateral (
        select case when p_decoded and cut.piece[1] ~ '[%\\&]' then
            regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
                cut.piece[1], c_dash, '-', 'g'), c_space, ' ', 'g'), c_dot, '.', 'g'), c_break, E'\n', 'g'),
                c_nothing, '', 'g')
        else cut.piece[1] end
    ) as read (gap);

    for v_group in 1 .. coalesce(cardinality(v_groups), 0) loop
        continue when v_group < v_after;
        v_left := right(v_left || v_gaps_read[v_group], 130);
        v_number := null;
        if (case length(v_groups_read[v_group])
            when 3 then length(v_groups_read[v_group + 1]) in (2, 6)
            when 4 then length(v_groups_read[v_group + 1]) in (4, 6)
            else length(v_groups_read[v_group]) = 9 or length(v_groups_read[v_group]) between 13 and 19
        end) then
            -- as far as a number reaches, and a digest or UUID of which it could be a part
            v_right := v_groups_read[v_group];
            v_ahead := v_group;
            while length(v_right) < 150 and v_ahead < cardinality(v_groups)
                and (v_ahead < v_group + 5 or v_gaps_read[v_ahead] ~ '^[-A-Za-z]*$')
            loop
                v_ahead := v_ahead + 1;
                v_right := v_right || left(v_gaps_read[v_ahead], 130) || v_groups_read[v_ahead];
            end loop;
            v_number := ingest._number_at(v_left, v_right, p_decoded);
        end if;
        if v_number is null then
            v_left := v_left || v_groups_read[v_group];
        else
            v_found := true;
            v_after := v_group + regexp_count(v_number, '[0-9]+');
            v_groups[v_group] := case when v_number ~ '^[0-9]{3}(?![0-9])|^[0-9]{9}$' then '[SSN_REDACTED]' else '[CARD_REDACTED]' end;
            v_left := ']';
            for v_ahead in v_group + 1 .. v_after - 1 loop
                v_gaps[v_ahead] := '';
                v_groups[v_ahead] := '';
            end loop;
        end if;
    end loop;
    if not v_found then
        return p_text;
    end if;
    return (
        select string_agg(piece.gap || piece.digits, '' order by piece.place)
        from unnest(v_gaps, v_groups) with ordinality as piece (gap, digits, place)
    );
end
$$;

comment on function ingest._redact_reading(text, boolean) is
    'One pass of ingest.redact over the text as it is printed, or with escapes and characters without width decoded.';

create function ingest._nine_digits()
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select '(?:[0-9\uff10-\uff19\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]'
        '[^0-9\uff10-\uff19\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]*){9}'
$$;

comment on function ingest._nine_digits() is
    'The regular expression of a text with nine digits or more: ingest.redact changes no other.';

create function ingest.redact(p_text text)
returns text
language plpgsql
immutable
parallel safe
security definer  -- importers may call it, and not what it is made of
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text;
    v_after text := p_text;
begin
    -- most texts are done here: they do not have nine digits
    if p_text !~ ingest._nine_digits() is not false then
        return p_text;
    end if;
    -- ends: each pass that changes anything leaves fewer digits
    loop
        v_before := v_after;
        v_after := ingest._redact_reading(ingest._redact_reading(v_before, true), false);
        exit when v_after is not distinct from v_before;
    end loop;
    return v_after;
end
$$;

comment on function ingest.redact(text) is
    'The text with each social security and card number replaced by [SSN_REDACTED] or [CARD_REDACTED].';
