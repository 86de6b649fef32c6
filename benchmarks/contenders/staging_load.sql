-- The records of table `staging`, as load $1.
with typed as (
    select
        line,
        to_jsonb(s) as record,
        nullif(btrim(plaintiff_name), '') as plaintiff_name,
        nullif(btrim(contact_email), '') as contact_email,
        nullif(regexp_replace(contact_phone, '[^0-9+]', '', 'g'), '') as contact_phone,
        nullif(btrim(firm_name), '') as firm_name,
        nullif(btrim(court), '') as court,
        nullif(btrim(county), '') as county,
        nullif(btrim(case_reference), '') as case_reference,
        case
            when judgment_amount ~ '^\$?[0-9]{1,3}(,?[0-9]{3})*(\.[0-9]{1,2})?$'
                then translate(judgment_amount, '$,', '')::numeric(14, 2)
        end as judgment_amount,
        case
            when judgment_date ~ '^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})$'
                and pg_input_is_valid(judgment_date, 'date')
                then judgment_date::date
        end as judgment_date,
        nullif(btrim(defendant_name), '') as defendant_name,
        nullif(btrim(notes), '') as notes,
        judgment_amount as amount_as_sent,
        judgment_date as date_as_sent
    from staging as s
),
judged as materialized (
    select
        *,
        case
            when plaintiff_name is null then 'no name'
            when judgment_amount is null and btrim(amount_as_sent) <> '' then 'amount'
            when judgment_date is null and btrim(date_as_sent) <> '' then 'date'
        end as reason
    from typed
),
set_aside as (
    insert into rejects (load_id, line, reason, record)
    select %(load)s, line, reason, record from judged where reason is not null
)
insert into plaintiffs (
    load_id, identity, plaintiff_name, contact_email, contact_phone, firm_name, court, county, case_reference,
    judgment_amount, judgment_date, defendant_name, notes
)
select
    %(load)s,
    sha256(convert_to(concat_ws(E'\x1f', normal(plaintiff_name), normal(contact_email), normal(case_reference)), 'UTF8')),
    plaintiff_name, contact_email, contact_phone, firm_name, court, county, case_reference,
    judgment_amount, judgment_date, defendant_name, notes
from judged
where reason is null
order by line
on conflict (identity) do nothing
