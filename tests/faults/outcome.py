"""What a ledger holds in the end: in a form that two imports can be compared by, and held against the invariants.

Everything is computed from the tables alone, by other means than the functions that wrote them.
"""

import psycopg

__all__ = ["broken_invariants", "outcome", "unfinished_runs"]

Outcome = dict[str, list[str]]

# Everything of a table but what two equal imports differ in: ids, times, who did it, and at which attempt. A run is
# named by its delivery and by its place among the runs of that delivery.
_NAMED_RUNS = """
    with named as (
        select
            r.*,
            concat_ws('/', r.source_system, r.source_batch_id, r.file_hash, row_number() over (
                partition by r.source_system, r.source_batch_id, r.file_hash order by r.created_at
            )) as run
        from ingest.import_runs as r
    )
"""
_OUTCOME = {
    "import_runs": """
        select to_jsonb(r) - '{id,run_no,attempt,ended_attempt,identity_required,worker_id,created_at,updated_at,
            claimed_at,completed_at,rolled_back_at}'::text[] from named as r
    """,
    "landed_rows": """
        select to_jsonb(l) - 'run_no' || jsonb_build_object('run', r.run)
        from ingest.landed_rows as l inner join named as r on r.run_no = l.run_no
    """,
    "landed_chunks": """
        select to_jsonb(c) - '{import_run_id,attempt,landed_at}'::text[] || jsonb_build_object('run', r.run)
        from ingest.landed_chunks as c inner join named as r on r.id = c.import_run_id
    """,
    "plaintiff_keys": """
        select to_jsonb(k) - 'owner_run_no' || jsonb_build_object('run', r.run)
        from ingest.plaintiff_keys as k inner join named as r on r.run_no = k.owner_run_no
    """,
    "source_systems": "select to_jsonb(s) from ingest.source_systems as s",
}

# Each finds what must not be: the statement's rows are the violations.
VIOLATIONS = {
    "I1 one live run for a delivery": """
        select source_system, source_batch_id, file_hash, count(*)
        from ingest.import_runs where status <> 'rolled_back'
        group by source_system, source_batch_id, file_hash having count(*) > 1
    """,
    "I1 a landed chunk is of an attempt that was granted": """
        select c.*
        from ingest.landed_chunks as c left join ingest.import_runs as r on r.id = c.import_run_id
        where (c.attempt between 1 and r.attempt) is not true
    """,
    "I2 the counts of a completed run are those of its records": """
        select r.id, r.rows_fetched, r.rows_inserted, r.rows_skipped, r.rows_errored, records.*
        from ingest.import_runs as r,
            lateral (
                select
                    count(*) as fetched,
                    count(*) filter (where l.error_code is null and k.dedupe_key is not null) as inserted,
                    count(*) filter (where l.error_code is null and k.dedupe_key is null) as skipped,
                    count(*) filter (where l.error_code is not null) as errored
                from ingest.landed_rows as l
                left join ingest.plaintiff_keys as k
                    on k.owner_run_no = r.run_no and k.owner_row_number = l.row_number
                where l.run_no = r.run_no
            ) as records
        where r.status = 'completed'
            and (r.expected_count is not null or records.fetched > 0)
            and (
                (r.rows_fetched, r.rows_inserted, r.rows_skipped, r.rows_errored)
                    <> (records.fetched, records.inserted, records.skipped, records.errored)
                or r.expected_count <> records.fetched
                or r.rows_fetched <> r.rows_inserted + r.rows_skipped + r.rows_errored
            )
    """,
    "I2 every record has one outcome": """
        select l.run_no, l.row_number, count(p.status), min(p.status)
        from ingest.landed_rows as l
        left join ingest.import_runs as r on r.run_no = l.run_no
        left join ingest.plaintiffs_raw as p on p.import_run_id = r.id and p.row_number = l.row_number
        group by l.run_no, l.row_number
        having count(p.status) <> 1
            or min(p.status) not in ('inserted', 'skipped', 'failed', 'pending', 'rolled_back')
    """,
    "I3 nothing is visible of a run that is not completed": """
        select p.import_run_id, p.row_number, r.status
        from ingest.v_plaintiffs as p inner join ingest.import_runs as r on r.id = p.import_run_id
        where r.status <> 'completed'
    """,
    "I3 no key is held by a run that was never published": """
        select k.dedupe_key, k.owner_run_no
        from ingest.plaintiff_keys as k left join ingest.import_runs as r on r.run_no = k.owner_run_no
        where r.publish_seq is null
    """,
    "I4 the active set is the earliest record of each key of the completed runs": """
        with should_be as (
            select distinct on (l.dedupe_key) l.dedupe_key, r.id as import_run_id, l.row_number
            from ingest.landed_rows as l inner join ingest.import_runs as r on r.run_no = l.run_no
            where r.status = 'completed' and l.error_code is null
            order by l.dedupe_key, r.publish_seq, l.row_number
        )
        select s.*, a.*
        from should_be as s
        full join ingest.v_plaintiffs as a using (dedupe_key, import_run_id, row_number)
        where s.dedupe_key is null or a.plaintiff_name is null
    """,
    "I5 no landed row or chunk was updated or deleted": """
        select relname, n_tup_upd, n_tup_del from pg_stat_user_tables
        where schemaname = 'ingest' and relname in ('landed_rows', 'landed_chunks', 'run_events')
            and (n_tup_upd > 0 or n_tup_del > 0)
    """,
    "I5 a chunk is landed whole, and every landed row came with one": """
        select *
        from ingest.landed_chunks as c
        full join (
            select r.id as import_run_id, l.chunk_no, count(*) as rows, min(l.row_number) as first,
                max(l.row_number) as last
            from ingest.landed_rows as l left join ingest.import_runs as r on r.run_no = l.run_no
            group by r.id, l.chunk_no
        ) as l on l.import_run_id = c.import_run_id and l.chunk_no = c.chunk_no
        where coalesce(l.rows, 0) is distinct from c.records
            or l.first <> c.first_row
            or l.last <> c.first_row + c.records - 1
    """,
    "I5 the chunks of a completed run are a file": """
        select * from (
            select c.import_run_id, c.chunk_no, c.byte_start, c.byte_end, c.first_row,
                row_number() over run - 1 as place,
                lag(c.byte_end) over run as before,
                1 + coalesce(sum(c.records) over (run rows between unbounded preceding and 1 preceding), 0) as next_row
            from ingest.landed_chunks as c inner join ingest.import_runs as r on r.id = c.import_run_id
            where r.status = 'completed'
            window run as (partition by c.import_run_id order by c.chunk_no)
        ) as c
        where chunk_no <> place or before <> byte_start or first_row <> next_row
    """,
    "I6 every claim, completion and undoing of a run left its event": """
        select r.id, r.status, r.attempt, e.*
        from ingest.import_runs as r,
            lateral (
                select
                    count(*) filter (where event in ('claimed', 'reclaimed', 'taken_over')) as claims,
                    count(*) filter (where event = 'completed') as completions,
                    count(*) filter (where event = 'rolled_back') as undoings,
                    (array_agg(event order by seq desc) filter (
                        where event in ('created', 'claimed', 'reclaimed', 'taken_over', 'failed', 'completed',
                            'rolled_back')
                    ))[1] as last
                from ingest.run_events where import_run_id = r.id
            ) as e
        where e.claims <> r.attempt
            or e.completions <> (r.completed_at is not null)::int
            or e.undoings <> (r.status = 'rolled_back')::int
            or (case r.status
                when 'pending' then e.last = 'created'
                when 'processing' then e.last in ('claimed', 'reclaimed', 'taken_over')
                else e.last = r.status::text
            end) is not true
    """,
    "I6 the events of each run are a chain": """
        select * from (
            select e.import_run_id, e.seq, e.hash = ingest._event_hash(e) as is_itself,
                e.seq = row_number() over run as is_next,
                e.prev_hash = coalesce(lag(e.hash) over run, decode(repeat('00', 32), 'hex')) as follows,
                lead(e.seq) over run is not null or (e.seq, e.hash) = (h.seq, h.hash) as is_head
            from ingest.run_events as e left join ingest.event_heads as h using (import_run_id)
            window run as (partition by e.import_run_id order by e.seq)
        ) as e
        where (is_itself and is_next and follows and is_head) is not true
    """,
}


def outcome(conn: psycopg.Connection) -> Outcome:
    """The final tables, row by row in an order of their own, without ids, times, workers and attempts."""
    return {
        table: sorted(row for (row,) in conn.execute(f"{_NAMED_RUNS} select t::text from ({statement}) as t (t)"))
        for table, statement in _OUTCOME.items()
    }


def broken_invariants(conn: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Whatever in the database contradicts I1 to I6, under the sentence that it breaks; {} when all hold."""
    found = {sentence: conn.execute(statement).fetchall() for sentence, statement in VIOLATIONS.items()}
    return {sentence: rows for sentence, rows in found.items() if rows}


def unfinished_runs(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    """The runs that somebody still has to do something about: pending or processing."""
    statement = "select id, status::text, attempt from ingest.import_runs where status in ('pending', 'processing')"
    return conn.execute(statement).fetchall()
