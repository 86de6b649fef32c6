-- Landing. A chunk is announced (open_chunk) and copied in one transaction; the guard holds what was copied against the
-- announcement and against the lease. COPY needs no more than INSERT on landed_rows, and row-level security would refuse
-- it, so the guard is what keeps a zombie's rows out.

-- A client that vanishes without a word (its machine or the network is gone) leaves a session behind that waits for it,
-- with its locks, for as long as the system takes to ask: two hours by default. Whoever goes on would wait as long.
-- It holds until the end of the transaction, so that a pooler's session does not keep it.
create function ingest._notice_lost_client()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('tcp_keepalives_idle', '30', true);
    perform set_config('tcp_keepalives_interval', '10', true);
    perform set_config('tcp_keepalives_count', '3', true);
end
$$;

comment on function ingest._notice_lost_client() is
    'Until the end of the transaction, a client that is no longer there is noticed within a minute.';

create function ingest.lease_attempt(p_run_id uuid)
returns integer
language sql
volatile  -- sees the claim made by the same statement
security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.attempt from ingest.import_runs as r where r.id = p_run_id
$$;

comment on function ingest.lease_attempt(uuid) is 'The run''s attempt: the fencing token of whoever claimed it last.';

create function ingest.lease_run_no(p_run_id uuid)
returns integer
language sql
volatile  -- sees the claim made by the same statement
security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.run_no from ingest.import_runs as r where r.id = p_run_id
$$;

comment on function ingest.lease_run_no(uuid) is 'The run''s number: what whoever claimed it copies its rows under.';

-- For those who ask for the records of one run. A join or a subselect would be planned for a run of average size, and for
-- ten records of a ledger with large runs all keys would be read; a stable function is planned for what it gives.
create function ingest._run_no(p_run_id uuid)
returns integer
language sql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $$
    select r.run_no from ingest.import_runs as r where r.id = p_run_id
$$;

comment on function ingest._run_no(uuid) is 'The number by which the landed rows of the run name it; null when there is no such run.';

create function ingest._require_lease(p_run ingest.import_runs, p_worker_id text, p_attempt integer)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_attempt is null and p_worker_id is null then
        if p_run.identity_required then
            raise exception 'the run was taken over from a holder that never reported its end, and this caller could be it'
                using errcode = 'ML002', hint = 'name p_worker_id and p_attempt as they came with the claim';
        end if;
    elsif p_attempt <> p_run.attempt
        -- a name is somebody else's than that of a holder without one
        or p_worker_id is not null and p_worker_id is distinct from p_run.worker_id
    then
        raise exception 'the run was taken over: this worker''s attempt is %, the run is at attempt %',
            coalesce(p_attempt::text, 'unnamed'), p_run.attempt
            using errcode = 'ML001', hint = 'stop: nothing of what was asked was kept';
    end if;
    if p_run.status <> 'processing' then
        raise exception 'the run is %, not processing', p_run.status
            using errcode = 'ML001', hint = 'stop: nothing of what was asked was kept';
    end if;
end
$$;

comment on function ingest._require_lease(ingest.import_runs, text, integer) is
    'Raises ML001 unless the caller holds the run''s lease; ML002 when it must say who it is and does not.';

create function ingest._require_read_committed(p_what text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception '% needs read committed, not %', p_what, current_setting('transaction_isolation')
            using errcode = 'active_sql_transaction', hint = 'call it in a transaction of its own';
    end if;
end
$$;

comment on function ingest._require_read_committed(text) is
    'Raises 25001 in a transaction that does not see, after a wait, what was committed meanwhile.';

-- The fence: whoever takes the run over, or ends it, waits for this lock. A snapshot of the whole transaction would give the
-- run as it was before a heartbeat and all that came after it.
create function ingest._fenced_run(p_run_id uuid)
returns ingest.import_runs
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    perform ingest._require_read_committed('what needs a lease');
    perform from ingest.import_runs as r where r.id = p_run_id for key share;
    -- A statement of its own: after a wait the one above may have locked, and would give, what a heartbeat has replaced.
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    return v_run;
end
$$;

comment on function ingest._fenced_run(uuid) is
    'The run as it is, and until the end of the transaction remains but for signs of life. Raises ML005 and 25001.';

create function ingest.open_chunk(
    p_run_id uuid,
    p_attempt integer,
    p_chunk_no integer,
    p_byte_start bigint,
    p_byte_end bigint,
    p_first_row integer,
    p_records integer,
    p_digest text,
    p_worker_id text default null,
    p_extra_columns text[] default '{}',
    p_extra_separator text default E'\x1f'
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    perform ingest._notice_lost_client();
    -- the guard keeps a chunk's rows until it has seen them: in memory, rather than in a temporary file
    perform set_config('work_mem', '32MB', true);
    -- Not locked: this look spares a zombie the copying; the guard's look, at the end, decides.
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found then
        raise exception 'there is no run %', p_run_id using errcode = 'ML005';
    end if;
    if p_digest !~ '^[0-9a-f]{64}$' then
        raise exception 'a chunk''s digest is a SHA-256: 64 hexadecimal digits in lower case'
            using errcode = 'invalid_parameter_value';
    end if;
    perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    perform ingest._require_unnumbered(p_extra_columns);
    perform ingest._require_unnumbered(array[p_extra_separator]);
    if cardinality(p_extra_columns) <> (select count(distinct named.name) from unnest(p_extra_columns) as named (name)) then
        raise exception 'a chunk''s columns have each a name of its own' using errcode = 'invalid_parameter_value';
    end if;
    perform ingest._mark_writer(p_run_id, p_attempt);

    insert into ingest.landed_chunks
        (import_run_id, chunk_no, attempt, byte_start, byte_end, first_row, records, digest, extra_columns, extra_separator)
    select
        p_run_id,
        p_chunk_no,
        p_attempt,
        p_byte_start,
        p_byte_end,
        p_first_row,
        p_records,
        p_digest,
        p_extra_columns,
        p_extra_separator
    -- waits for a transaction that has landed it and is not over yet: that of a caller whose acknowledgement was lost
    on conflict (import_run_id, chunk_no) do nothing;
    if found then
        return true;
    end if;

    if not exists (
        select
        from ingest.landed_chunks as c
        where c.import_run_id = p_run_id
            and c.chunk_no = p_chunk_no
            and (c.byte_start, c.byte_end, c.first_row, c.records, c.digest)
            = (p_byte_start, p_byte_end, p_first_row, p_records, p_digest)
    ) then
        raise exception 'chunk % is landed already, as another one', p_chunk_no using errcode = 'ML006';
    end if;
    return false;
end
$$;

comment on function ingest.open_chunk(uuid, integer, integer, bigint, bigint, integer, integer, text, text, text[], text) is
    'Announces the chunk whose rows are copied next in the same transaction. False when exactly this chunk is landed'
    ' already: then nothing is to be copied. Raises ML001 once the lease is lost.';

create function ingest._guard_landing()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_first record;
    v_landed record;
    v_run_id uuid;
    v_run ingest.import_runs;
    v_chunk ingest.landed_chunks;
    v_width integer;
    v_sensitive boolean[];
begin
    select l.run_no, l.chunk_no into v_first from landed as l limit 1;
    if not found then
        return null;
    end if;
    select r.id into v_run_id from ingest.import_runs as r where r.run_no = v_first.run_no;
    if not found then
        raise exception 'there is no run of number %', v_first.run_no using errcode = 'ML005';
    end if;
    v_run := ingest._fenced_run(v_run_id);
    select * into v_chunk
    from ingest.landed_chunks as c
    where c.import_run_id = v_run.id
        and c.chunk_no = v_first.chunk_no;
    perform ingest._require_lease(v_run, null, v_chunk.attempt);
    v_width := cardinality(v_chunk.extra_columns);
    v_sensitive := array(
        select ingest._is_sensitive(named.name)
        from unnest(v_chunk.extra_columns) with ordinality as named (name, place)
        order by named.place
    );

    -- One pass over the rows finds all that is asked of them: each further one costs a tenth of the COPY.
    select
        count(*) as records,
        min(l.row_number) as first_row,
        max(l.row_number) as last_row,
        bool_and(
            l.run_no = v_first.run_no
            and l.chunk_no = v_first.chunk_no
            and (
                v_width = 1
                or l.extra is null
                or v_width > 1 and cardinality(string_to_array(l.extra, v_chunk.extra_separator)) = v_width
            )
        ) as are_of_the_chunk,
        max(octet_length(l.extra)) as longest_extra,
        array_agg(l.warnings::text) filter (where cardinality(l.warnings) > 0) as warnings,
        array_agg(l.error_code) filter (where l.error_code is not null) as codes,
        array_agg(l.error_message) filter (where l.error_code is not null) as messages,
        array_agg(l.raw_payload) filter (where l.error_code is not null) as payloads
    into v_landed
    from landed as l;

    -- row_number is unique in the run, so equal bounds and an equal count are an equal set
    if (
        v_landed.are_of_the_chunk
        and v_landed.records = v_chunk.records
        and v_landed.first_row = v_chunk.first_row
        and v_landed.last_row = v_chunk.first_row + v_chunk.records - 1
    ) is not true then
        raise exception 'the rows are not those that open_chunk announced for chunk %', v_first.chunk_no
            using errcode = 'ML006';
    end if;
    -- a view shows the cells as one value of jsonb, which has room for 256 MiB
    if v_landed.longest_extra > 67108864 then
        raise exception 'the cells of extra are more than 64 MiB' using errcode = 'program_limit_exceeded';
    end if;

    perform ingest._require_redacted(
        v_landed.codes || v_landed.messages || array(
            select held.warning
            from (select distinct sent.warnings from unnest(v_landed.warnings) as sent (warnings)) as sent
            cross join lateral unnest(sent.warnings::text[]) as held (warning)
        ),
        v_landed.payloads
    );
    if true = any(v_sensitive) then
        perform ingest._require_masked(array(
            select to_jsonb(held.cell)
            from landed as l
            cross join lateral unnest(
                case v_width when 1 then array[l.extra] else string_to_array(l.extra, v_chunk.extra_separator) end
            ) with ordinality as held (cell, place)
            where v_sensitive[held.place]
                and held.cell <> ''
        ));
    end if;
    return null;
end
$$;

comment on function ingest._guard_landing() is
    'Refuses rows without a current lease, rows that are not exactly one announced chunk with its columns, and rows that'
    ' tell a number or a sensitive column in clear.';

create trigger landed_rows_guard
after insert on ingest.landed_rows
referencing new table as landed
for each statement execute function ingest._guard_landing();

alter table ingest.landed_rows enable always trigger landed_rows_guard;
comment on trigger landed_rows_guard on ingest.landed_rows is
    'Rows land under a current lease, as the chunk that was announced, and without a social security or card number.';

-- An announcement alone would keep its chunk from ever being landed, and the run from ever being complete.
create function ingest._require_rows()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run ingest.import_runs;
begin
    -- an announcement without rows meets no other guard
    v_run := ingest._fenced_run(new.import_run_id);
    perform ingest._require_lease(v_run, null, new.attempt);

    -- the guard takes the rows of a chunk all together or not at all: the last one stands for them
    if new.records > 0 and not exists (
        select
        from ingest.landed_rows as l
        where l.run_no = v_run.run_no
            and l.row_number = new.first_row + new.records - 1
            and l.chunk_no = new.chunk_no
    ) then
        raise exception 'chunk % was announced, and its rows did not follow', new.chunk_no
            using errcode = 'ML006', hint = 'announce a chunk and copy its rows in one transaction';
    end if;
    return null;
end
$$;

comment on function ingest._require_rows() is 'Refuses, at the end of the transaction, an announcement without its rows or without a current lease.';

create constraint trigger landed_chunks_have_rows
after insert on ingest.landed_chunks
deferrable initially deferred
for each row execute function ingest._require_rows();

alter table ingest.landed_chunks enable always trigger landed_chunks_have_rows;
comment on trigger landed_chunks_have_rows on ingest.landed_chunks is 'An announced chunk is followed by its rows in the same transaction.';

-- A refusal takes back all that its transaction did, so the event of it is a statement of its own, sent by the refused.
create function ingest.record_refusal(p_run_id uuid, p_operation text, p_worker_id text, p_attempt integer)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    v_run ingest.import_runs;
begin
    select * into v_run from ingest.import_runs as r where r.id = p_run_id;
    if not found or (p_attempt is null and p_worker_id is null) then
        return false;
    end if;
    begin
        perform ingest._require_lease(v_run, p_worker_id, p_attempt);
    exception
        when sqlstate 'ML001' then
            perform ingest._append_event(
                p_run_id,
                'write_refused',
                p_worker_id,
                v_run.attempt,
                jsonb_build_object('operation', left(p_operation, 63), 'attempt', p_attempt, 'status', v_run.status)
            );
            return true;
    end;
    return false;
end
$$;

comment on function ingest.record_refusal(uuid, text, text, integer) is
    'Records that a worker which had lost its lease was refused an operation; its attempt stands in the details. False,'
    ' and no event, when that worker holds the lease.';
