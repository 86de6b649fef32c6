-- Of a large file a fourth of the time is the publication, most of it the insertion of keys by one session. It may begin
-- before the last chunks are landed, in the transaction that is going to publish the run, or to keep nothing.
create function ingest.take_keys_early(p_run_id uuid, p_worker_id text, p_attempt integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    v_run ingest.import_runs;
    v_early ingest.early_keys;
    v_next record;
begin
    perform ingest._notice_lost_client();
    perform ingest._mark_writer(p_run_id, coalesce(p_attempt, ingest.lease_attempt(p_run_id)));
    -- from one of these calls to the next others wait for the source system
    if current_setting('idle_in_transaction_session_timeout')::interval > interval '10s' then
        perform set_config('idle_in_transaction_session_timeout', '10s', true);
    end if;
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    perform ingest._lock_source_system(p_run_id);

    select * into v_early from ingest.early_keys as e where e.import_run_id = p_run_id;
    if not found then
        v_early := row(p_run_id, 0, 0, 0, 0, 0);
    end if;
    select count(*)::integer as chunks, sum(prefix.records)::integer as records
    into v_next
    from (
        select
            placed.records,
            bool_and(placed.follows) over (order by placed.chunk_no) as is_whole
        from (
            select
                c.chunk_no,
                c.records,
                c.chunk_no = v_early.chunks + row_number() over (order by c.chunk_no) - 1
                -- an announcement of this very transaction may still lack its rows
                and (c.records = 0 or exists (
                    select
                    from ingest.landed_rows as l
                    where l.run_no = v_run.run_no
                        and l.row_number = c.first_row + c.records - 1
                        and l.chunk_no = c.chunk_no
                )) as follows
            from ingest.landed_chunks as c
            where c.import_run_id = p_run_id
                and c.chunk_no >= v_early.chunks
        ) as placed
    ) as prefix
    where prefix.is_whole;
    if v_next.chunks > 0 then
        insert into ingest.early_keys (import_run_id, chunks, records, landed, rejected, taken)
        select
            p_run_id,
            v_early.chunks + v_next.chunks,
            v_early.records + v_next.records,
            v_early.landed + counted.landed,
            v_early.rejected + counted.rejected,
            v_early.taken + ingest._take_fresh_keys(p_run_id, v_early.records + 1, v_early.records + v_next.records)
        from ingest._count_rows(p_run_id, v_early.records + 1, v_early.records + v_next.records) as counted
        on conflict (import_run_id) do update
        set chunks = excluded.chunks,
            records = excluded.records,
            landed = excluded.landed,
            rejected = excluded.rejected,
            taken = excluded.taken;
    end if;
    return v_early.chunks + v_next.chunks;
end
$$;

comment on function ingest.take_keys_early(uuid, text, integer) is
    'Begins to publish a run whose chunks are still landing: recounts the records of all that are landed without'
    ' a gap, and gives it their keys. How many chunks these are. Until its end the transaction holds the source system;'
    ' it ends with reconcile_import_run or finalize_import_run, which take the others, or is refused (ML008).';

create function ingest._require_publication()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from ingest.early_keys as e where e.import_run_id = new.import_run_id) then
        raise exception 'keys of run % were taken early, and it is not published', new.import_run_id
            using errcode = 'ML008', hint = 'nothing is kept: publish the run in the transaction that takes keys early';
    end if;
    return null;
end
$$;

comment on function ingest._require_publication() is
    'Refuses, at the end of the transaction, keys that were taken early for a run that it has not published.';

create constraint trigger early_keys_are_published
after insert on ingest.early_keys
deferrable initially deferred
for each row execute function ingest._require_publication();

alter table ingest.early_keys enable always trigger early_keys_are_published;
comment on trigger early_keys_are_published on ingest.early_keys is 'Keys that were taken early are those of a run that is published in the same transaction.';
