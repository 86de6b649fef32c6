-- What one delivery has that another has not: before a replacement, and after a complaint.

-- Runs with the caller's rights: only who may read the records may compare them.
create function ingest.diff_runs(p_run_a uuid, p_run_b uuid)
returns table (
    change text,
    dedupe_key uuid,
    row_a integer,
    row_b integer,
    line_a integer,
    line_b integer,
    columns text[]
)
language sql
stable
set search_path = pg_catalog, pg_temp
set work_mem = '256MB'
as $$
    with a as (
        select distinct on (r.dedupe_key) r.*
        from ingest.plaintiffs_raw as r
        where r.import_run_id = p_run_a
            and r.dedupe_key is not null
        order by r.dedupe_key, r.row_number
    ),
    b as (
        select distinct on (r.dedupe_key) r.*
        from ingest.plaintiffs_raw as r
        where r.import_run_id = p_run_b
            and r.dedupe_key is not null
        order by r.dedupe_key, r.row_number
    )
    select
        case when a.dedupe_key is null then 'added' when b.dedupe_key is null then 'gone' else 'changed' end,
        coalesce(a.dedupe_key, b.dedupe_key),
        a.row_number,
        b.row_number,
        a.line_start,
        b.line_start,
        case when a.dedupe_key is not null and b.dedupe_key is not null then differing.columns end
    from a
    full join b on b.dedupe_key = a.dedupe_key
    cross join lateral (
        select array_remove(array[
            case when a.plaintiff_name is distinct from b.plaintiff_name then 'plaintiff_name' end,
            case when a.firm_name is distinct from b.firm_name then 'firm_name' end,
            case when a.contact_name is distinct from b.contact_name then 'contact_name' end,
            case when a.contact_email is distinct from b.contact_email then 'contact_email' end,
            case when a.contact_phone is distinct from b.contact_phone then 'contact_phone' end,
            case when a.address is distinct from b.address then 'address' end,
            case when a.city is distinct from b.city then 'city' end,
            case when a.state is distinct from b.state then 'state' end,
            case when a.postal_code is distinct from b.postal_code then 'postal_code' end,
            case when a.case_reference is distinct from b.case_reference then 'case_reference' end,
            case when a.court is distinct from b.court then 'court' end,
            case when a.county is distinct from b.county then 'county' end,
            case when a.judgment_amount is distinct from b.judgment_amount then 'judgment_amount' end,
            case when a.judgment_date is distinct from b.judgment_date then 'judgment_date' end,
            case when a.defendant_name is distinct from b.defendant_name then 'defendant_name' end,
            case when a.source_reference is distinct from b.source_reference then 'source_reference' end
        ], null) || case
            when a.extra is distinct from b.extra then array(
                select 'extra.' || coalesce(in_a.key, in_b.key)
                from jsonb_each(a.extra) as in_a
                full join jsonb_each(b.extra) as in_b on in_b.key = in_a.key
                where in_a.value is distinct from in_b.value
                order by 1
            )
            else '{}'
        end as columns
    ) as differing
    where a.dedupe_key is null
        or b.dedupe_key is null
        or differing.columns <> '{}'
$$;

comment on function ingest.diff_runs(uuid, uuid) is
    'added: keys of run b that run a has not; gone: keys of a that b has not; changed: keys of both whose other columns'
    ' differ, with the names of these. Of a key that a file repeats the first record is compared; rejects have no key.';
