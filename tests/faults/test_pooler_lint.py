"""Nothing of the load path leaves a trace in the server session or counts on one: the next transaction meets another.

What pools of transactions break is listed at https://www.pgbouncer.org/features.html: session SET, LISTEN, cursors that
outlive a transaction, prepared statements, temporary tables, session advisory locks. It is looked for in all SQL and
Python that could send it, and in what an import really sends.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from proxy import Direction, Message, Proxy

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database, connect

_ROOT = Path(__file__).parents[2]
_SQL = [
    path
    for folder in ("supabase/migrations", "plaintiff_moat/ledger/queries")
    for path in (_ROOT / folder).glob("*.sql")
]
# the embedded server's own folder starts and stops programs, and sends nothing; evidence is read in one transaction,
# with which its cursor ends
_PYTHON = [
    path
    for folder in ("", "cli", "ledger")
    for path in (_ROOT / "plaintiff_moat" / folder).glob("*.py")
    if path != _ROOT / "plaintiff_moat" / "ledger" / "evidence.py"
]

_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
# where a statement begins: of a file, of a function's body, and within it
_BEGIN = r"(?:\A|;|\$\w*\$|\b(?:begin|then|else|loop)\b)\s*"
_FORBIDDEN = {
    "session SET": rf"{_BEGIN}(?:re)?set\s+(?!local\b|transaction\b|constraints\b)\w"
    r"|\bset_config\s*\((?![^)]*\btrue\s*\))",
    "session advisory lock": r"\bpg_(?:try_)?advisory_(?:un)?lock",
    "LISTEN, NOTIFY": rf"{_BEGIN}(?:un)?(?:listen|notify)\s+[\w*]|\bpg_notify\b",
    "temporary table": r"\bcreate\s+(?:(?:global|local)\s+)?temp(?:orary)?\b|\binto\s+temp(?:orary)?\b|\bpg_temp\s*\.",
    "PREPARE": rf"{_BEGIN}(?:prepare|deallocate)\s+\w",
    "cursor": r"\b(?:ref)?cursor\b",
    "DISCARD": rf"{_BEGIN}discard\s+\w",
}


def _in_sql(text: str) -> Iterator[str]:
    """What a session would have to remember, by the rule that says so."""
    code = _NOT_CODE.sub("''", text).lower()
    return (rule for rule, pattern in _FORBIDDEN.items() if re.search(pattern, code))


def _in_python(text: str) -> Iterator[str]:
    """The same in the strings of Python, docstrings apart, and in how psycopg is asked."""
    tree = ast.parse(text)
    described = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, described) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(words)) if id(node) not in docstrings:
                yield from _in_sql(words)
            case ast.Call(func=ast.Attribute(attr="cursor"), args=[_, *_]):
                yield "cursor"
            case ast.Call(func=ast.Attribute(attr="cursor"), keywords=keywords) if "name" in {k.arg for k in keywords}:
                yield "cursor"
            case ast.Attribute(attr="ServerCursor") | ast.Name(id="ServerCursor"):
                yield "cursor"
            case ast.Attribute(attr="notifies" | "add_notify_handler"):
                yield "LISTEN, NOTIFY"
            case ast.keyword(arg="prepare", value=value) if ast.unparse(value) != "False":
                yield "PREPARE"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="psycopg"), attr="connect"), keywords=keywords):
                if "prepare_threshold=None" not in map(_spelled, keywords):
                    yield "PREPARE"


def _spelled(keyword: ast.keyword) -> str:
    return f"{keyword.arg}={ast.unparse(keyword.value)}"


def _sent(messages: list[Message]) -> Iterator[str]:
    """The same in what a client has sent: simple queries, and statements parsed, which must not be given a name."""
    for message in messages:
        if message.direction is Direction.FRONTEND and message.kind in "QP":
            name, statement = (b"", message.body) if message.kind == "Q" else message.body.split(b"\0", 1)
            if name:
                yield "PREPARE"
            yield from _in_sql(statement.split(b"\0")[0].decode())


@pytest.mark.parametrize("path", _SQL, ids=lambda path: path.name)
def test_no_sql_needs_a_session(path: Path) -> None:
    """Migrations (the functions are what is called) and the catalogue of statements."""
    assert list(_in_sql(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", _PYTHON, ids=lambda path: path.name)
def test_no_python_needs_a_session(path: Path) -> None:
    """Everything that could send a statement."""
    assert list(_in_python(path.read_text(encoding="utf-8"))) == []


@pytest.mark.usefixtures("small_chunks")
def test_nothing_that_is_sent_needs_a_session(db_url: str, csv_file: Callable[..., Path]) -> None:
    """An import of several chunks by several workers, and its rollback, as they go over the wire."""
    with Proxy(db_url) as proxy:
        database = Database(proxy.url, embedded=False)
        summary = import_file(csv_file("a.csv", [f"P{n}" for n in range(30)]), database, workers=2)
        with connect(database) as conn:
            IngestClaimClient(conn).rollback(summary.run_id, "looked at")
    statements = [message.kind for message in proxy.seen if message.kind in "QP"]
    assert len(statements) > 20
    assert list(_sent(proxy.seen)) == []


_PLANTED = [
    ("session SET", "set work_mem = '1GB'"),
    ("session SET", "select 1; SET SESSION timezone TO 'UTC'"),
    ("session SET", "create function f() returns void language plpgsql as $$ begin\n  set role x; end $$"),
    ("session SET", "select set_config('a.b', 'c', false)"),
    ("session SET", "reset all"),
    ("session advisory lock", "perform pg_advisory_lock(1)"),
    ("session advisory lock", "select pg_catalog.pg_try_advisory_lock(1)"),
    ("session advisory lock", "select pg_advisory_unlock_all()"),
    ("LISTEN, NOTIFY", "listen runs"),
    ("LISTEN, NOTIFY", "begin if x then notify runs, 'a'; end if; end"),
    ("LISTEN, NOTIFY", "select pg_notify('runs', '')"),
    ("temporary table", "create temp table t (a int)"),
    ("temporary table", "CREATE LOCAL TEMPORARY TABLE t (a int)"),
    ("temporary table", "select * into temp t from a"),
    ("PREPARE", "prepare p as select 1"),
    ("PREPARE", "select 1; deallocate all"),
    ("cursor", "declare c cursor with hold for select 1"),
    ("DISCARD", "discard all"),
]
_PLANTED_IN_PYTHON = [
    *((rule, f"conn.execute({statement!r})") for rule, statement in _PLANTED),
    ("cursor", "conn.cursor('rows')"),
    ("cursor", "conn.cursor(name='rows')"),
    ("cursor", "psycopg.ServerCursor(conn, 'rows')"),
    ("LISTEN, NOTIFY", "for note in conn.notifies(): pass"),
    ("PREPARE", "conn.execute(statement, prepare=True)"),
    ("PREPARE", "psycopg.connect(url)"),
    ("PREPARE", "psycopg.connect(url, prepare_threshold=5)"),
]
_INNOCENT = """
    -- set, listen, notify: a comment
    comment on table t is 'set a; listen to b; create temp table';
    create function f() returns void language plpgsql set search_path = '' set work_mem = '256MB' as $$
    begin
        set local lock_timeout = '2s';
        perform set_config('a.b', 'c', true);
        perform pg_advisory_xact_lock(1);
        update t set a = 1 where b = 'prepare x';
        insert into t values (1) on conflict (a) do update set a = 2;
        set constraints all immediate;
    end
    $$;
"""


@pytest.mark.parametrize(("rule", "statement"), _PLANTED)
def test_planted_sql_is_found(rule: str, statement: str) -> None:
    """Each rule finds what it is for, in each of its spellings."""
    assert rule in set(_in_sql(statement))


@pytest.mark.parametrize(("rule", "statement"), _PLANTED_IN_PYTHON)
def test_planted_python_is_found(rule: str, statement: str) -> None:
    """The same where Python says it, and where it asks psycopg for it."""
    assert rule in set(_in_python(statement))


def test_what_ends_with_its_transaction_is_not_found() -> None:
    """SET LOCAL, settings of a function, transaction locks, comments and strings pass."""
    assert list(_in_sql(_INNOCENT)) == []
    assert list(_in_python('def f():\n    """set a = b"""\n    psycopg.connect(url, prepare_threshold=None)')) == []


def test_planted_messages_are_found(db_url: str) -> None:
    """A statement that is prepared under a name, and a session SET, are seen on the wire."""
    with Proxy(db_url) as proxy, psycopg.connect(proxy.url) as conn:
        conn.execute("select %s::int", [1], prepare=True)
        conn.execute("set timezone = 'UTC'")
        conn.commit()
    assert {"PREPARE", "session SET"} <= set(_sent(proxy.seen))
