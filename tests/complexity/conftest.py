"""The filled ledger, made once; each test has a clone of it."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer
from tests.complexity.full_ledger import Ledger, fill

Filled = tuple[str, dict[str, UUID]]


@pytest.fixture(scope="session")
def _filled(server: EmbeddedServer, template: str) -> Filled:
    name = "filled"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"create database {name} template {template}")
    with connect(Database(server.url(name), embedded=True)) as conn:
        runs = fill(conn)
    return name, runs


@pytest.fixture
def ledger(_filled: Filled, new_database: Callable[[str], str]) -> Ledger:
    """A clone of the filled ledger."""
    name, runs = _filled
    return Ledger(new_database(name), runs)
