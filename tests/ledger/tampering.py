"""What somebody does who owns the database and switches its guards off."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ledger_steps import Connection

from plaintiff_moat.audit import Report, verify
from plaintiff_moat.evidence import Checkpoint

_TRIGGERS = """
    select t.tgrelid::regclass::text, t.tgname
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    where c.relnamespace = 'ingest'::regnamespace and not t.tgisinternal
"""
_REHASH = """
    do $$
    declare
        v_event ingest.run_events;
        v_prev bytea := decode(repeat('00', 32), 'hex');
        v_seq integer := 0;
    begin
        for v_event in select * from ingest.run_events where import_run_id = '{run}' order by seq loop
            v_event.prev_hash := v_prev;
            v_prev := ingest._event_hash(v_event);
            update ingest.run_events set prev_hash = v_event.prev_hash, hash = v_prev
            where import_run_id = '{run}' and seq = v_event.seq;
            v_seq := v_event.seq;
        end loop;
        update ingest.event_heads set seq = v_seq, hash = v_prev where import_run_id = '{run}';
    end
    $$
"""


@contextmanager
def unguarded(conn: Connection) -> Iterator[None]:
    """No trigger of the schema fires inside; all of them do afterwards, as if nothing had been."""
    triggers = conn.execute(_TRIGGERS).fetchall()
    for table, name in triggers:
        conn.execute(f"alter table {table} disable trigger {name}".encode())
    yield
    for table, name in triggers:
        conn.execute(f"alter table {table} enable always trigger {name}".encode())


def tamper(conn: Connection, statements: Sequence[str]) -> None:
    """Execute the statements with every guard off."""
    with unguarded(conn):
        for statement in statements:
            conn.execute(statement.encode())


def backup(conn: Connection) -> list[str]:
    """The statements that bring every table of the schema back to what it holds now."""
    tables = conn.execute("select tablename from pg_tables where schemaname = 'ingest'").fetchall()
    for (table,) in tables:
        conn.execute(f"create table backup_of_{table} as table ingest.{table}".encode())
    empty = [f"delete from ingest.{table}" for (table,) in tables]
    fill = "insert into ingest.{0} overriding system value table backup_of_{0}"
    return empty + [fill.format(table) for (table,) in tables]


def rehash(run: object) -> str:
    """The statement that computes a run's chain anew and makes its head fit."""
    return _REHASH.format(run=run)


def broken(conn: Connection, checkpoint: Checkpoint | None = None) -> str:
    """The code of the first thing that does not hold, with its place; empty when all holds."""
    return _said(verify(conn, checkpoint=checkpoint))


def _said(report: Report) -> str:
    return "" if report.finding is None else f"{report.finding.check} {report.finding.where}"
