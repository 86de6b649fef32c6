"""Fixtures for every test folder: a PostgreSQL of the suite's own, and a database of its own for each test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql

from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer
from tests.servers.clusters import NAMES, Cluster

# A deadline is a timing, and a timing is no test.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

_UNSAFE_BUT_FAST = ("fsync", "full_page_writes", "synchronous_commit")

Server = EmbeddedServer | Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--server 17-supabase` runs what is asked for on that server, migrated by an owner who is no superuser."""
    parser.addoption("--server", choices=("embedded", *NAMES), default="embedded", help="PostgreSQL of the suite")


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No variable of the developer's shell names a database to any test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("PG", "MOAT_", "SUPABASE_", "XDG_")):
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def moat_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """MOAT_HOME of one test, not yet made; a server that the test starts in it ends with the test."""
    user_home = tmp_path_factory.getbasetemp() / f"home-{uuid4().hex}"
    home = user_home / "moat"
    monkeypatch.setenv("HOME", str(user_home))
    monkeypatch.setenv("MOAT_HOME", str(home))
    yield home
    EmbeddedServer(home).destroy()


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _clean_environment: None
) -> Iterator[Server]:
    """Run the suite's server: one for each worker of pytest-xdist, durable no longer than the suite."""
    name = request.config.getoption("server")
    if name != "embedded":
        cluster = Cluster.start(name, tmp_path_factory.mktemp("server"))
        yield cluster
        cluster.destroy()
        return
    embedded = EmbeddedServer(tmp_path_factory.mktemp("server") / "moat")
    try:
        with psycopg.connect(embedded.start(), autocommit=True) as conn:
            for setting in _UNSAFE_BUT_FAST:
                conn.execute(sql.SQL("alter system set {} = off").format(sql.Identifier(setting)))
            conn.execute("select pg_reload_conf()")
        yield embedded
    finally:
        embedded.destroy()


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """Name the migrated database that `db_url` clones."""
    name = "migrated"
    _statement(server.url("postgres"), sql.SQL("create database {}").format(sql.Identifier(name)))
    with connect(Database(server.url(name), embedded=True)) as conn:
        migrate.push(conn)
    if isinstance(server, Cluster):
        server.let_owner_act_as("dragonfly_app", "moat_operator", "service_role")
    return name


@pytest.fixture
def new_database(server: Server) -> Iterator[Callable[[str], str]]:
    """Create databases, each a clone of the named one, and return their URLs; they go with the test."""
    with ExitStack() as clean_up:

        def create(clone_of: str) -> str:
            name = sql.Identifier(f"test_{uuid4().hex}")
            clone = sql.SQL("create database {} template {} strategy file_copy")
            _statement(server.url("postgres"), clone.format(name, sql.Identifier(clone_of)))
            drop = sql.SQL("drop database {} with (force)").format(name)
            clean_up.callback(_statement, _superusers_url(server), drop)
            return server.url(name.as_string().strip('"'))

        yield create


@pytest.fixture
def db_url(new_database: Callable[[str], str], template: str) -> str:
    """URL, for the owner, of a migrated database that nobody else uses."""
    return new_database(template)


@pytest.fixture
def blank_db_url(new_database: Callable[[str], str]) -> str:
    """URL, for the owner, of a database without any migration."""
    return new_database("template1")


@pytest.fixture
def conn(db_url: str) -> Iterator[psycopg.Connection]:
    """Open connection to the database of `db_url`, in autocommit mode."""
    with connect(Database(db_url, embedded=True)) as connection:
        yield connection


def _superusers_url(server: Server) -> str:
    # nobody else can drop a database in which a superuser's session is not over yet
    return server.url("postgres", user=server.superuser) if isinstance(server, Cluster) else server.url("postgres")


def _statement(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement)
