"""Fixtures of the server matrix: what runs on a server with TLS and logins of its own, named by `--server`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.servers.clusters import PASSWORD, Cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
Moat = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def cluster(server: object) -> Cluster:
    """The server of the matrix that the suite was started on."""
    if not isinstance(server, Cluster):
        pytest.fail("the matrix needs a server of its own: pytest -m matrix --server 17-supabase, or make test-matrix")
    return server


@pytest.fixture
def database(blank_db_url: str) -> str:
    """The name of an empty database."""
    return urlsplit(blank_db_url).path.strip("/")


@pytest.fixture
def login(cluster: Cluster, database: str) -> Callable[[str], str]:
    """Makes a user as the runbook says, a member of the role, and returns the user's URL over verified TLS."""

    def create(role: str) -> str:
        user = f"{role}_{uuid4().hex[:8]}"
        statement = sql.SQL("create role {} login password {} in role {}")
        with psycopg.connect(cluster.url(database), autocommit=True) as owner:
            owner.execute(statement.format(sql.Identifier(user), sql.Literal(PASSWORD), sql.Identifier(role)))
        return cluster.tls_url(database, user=user)

    return create


@pytest.fixture
def moat() -> Moat:
    """Runs `moat` as a process of its own on the database of this URL."""

    def run(url: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "plaintiff_moat", *arguments],
            env=os.environ | {"MOAT_DATABASE_URL": url} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
