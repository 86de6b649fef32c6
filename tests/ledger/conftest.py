"""Fixtures of the tests of the ledger's functions."""

from collections.abc import Iterator

import psycopg
import pytest
from ledger_steps import Connection


@pytest.fixture
def other(db_url: str) -> Iterator[Connection]:
    """Yield a second connection to the test's database."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def importer(db_url: str) -> Iterator[Connection]:
    """Yield the connection of an importer, beside `conn`."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield connection
