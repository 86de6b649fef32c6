"""Which database is used, and what is said when it cannot be reached."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.ledger.connect import Database, connect, resolve
from plaintiff_moat.ledger.migrate import pending, require_migrated

_UNSEEN = "s3cr3t"
_URL = f"postgresql://clerk:{_UNSEEN}@db.example.com:6543/claims"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Yield a port on which connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_named_database_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--db` wins over MOAT_DATABASE_URL, which wins over the embedded server."""
    monkeypatch.setenv("MOAT_DATABASE_URL", "postgresql:///from_environment")
    assert resolve("postgresql:///named") == Database("postgresql:///named", embedded=False)
    assert resolve() == Database("postgresql:///from_environment", embedded=False)


def test_default_is_the_embedded_server_migrated(moat_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing configured, or an empty variable, there is a database ready to import into, in MOAT_HOME."""
    monkeypatch.setenv("MOAT_DATABASE_URL", "")
    database = resolve()
    assert database.embedded
    assert (moat_home / "postgres").exists()
    with connect(database) as conn:
        require_migrated(conn)
        assert pending(conn) == []
    assert resolve() == database


@pytest.mark.parametrize("text", ["", "claims.csv", f"postgresql://clerk:{_UNSEEN} x@host/claims", f"nope={_UNSEEN}"])
def test_what_is_no_connection_url_is_refused(text: str) -> None:
    """A value that libpq cannot read is refused at once, with the form expected and without the value."""
    with pytest.raises(DatabaseUnreachable, match="--db is not a connection URL: expected the form") as raised:
        resolve(text)
    assert _UNSEEN not in str(raised.value)


def test_database_can_be_printed() -> None:
    """Neither form of a database as text holds its password."""
    database = Database(_URL, embedded=False)
    assert str(database) == "database claims on db.example.com"
    assert repr(database) == "Database(embedded=False)"


@pytest.mark.parametrize(
    "password",
    [
        f"a@{_UNSEEN}",
        f"a/{_UNSEEN}",
        f"1/{_UNSEEN}@b",
        f"{_UNSEEN}?a",
        f"#{_UNSEEN}",
        f"a@{_UNSEEN}/b",
        f"a@{_UNSEEN}:1",
    ],
)
def test_password_that_was_not_encoded_is_not_shown(password: str) -> None:
    """A password with a character that ends it early, so that libpq takes its rest for a name, stays unseen."""
    assert _UNSEEN not in str(Database(f"postgresql://clerk:{password}@db.example.com/claims", embedded=False))


def test_connection_suits_a_transaction_pooler(db_url: str) -> None:
    """A connection prepares nothing, is named in pg_stat_activity, and speaks UTF-8 to a database of any encoding."""
    with connect(Database(db_url, embedded=True), application_name="moat test") as conn:
        assert conn.autocommit
        assert conn.prepare_threshold is None
        asked = "select current_setting('application_name'), current_setting('client_encoding')"
        assert conn.execute(asked).fetchone() == ("moat test", "UTF8")
    with connect(Database(db_url, embedded=True), autocommit=False) as conn:
        assert not conn.autocommit


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "postgresql://clerk:s3cr3t@127.0.0.1:1/claims",
            "database claims on 127.0.0.1: connection refused; check --db",
        ),
        ("postgresql://clerk:s3cr3t@no.such.host.invalid/claims", "on no.such.host.invalid: unknown host"),
        ("postgresql:///claims?host=/nonexistent&password=s3cr3t", "on /nonexistent: no server listens on this socket"),
        ("postgresql://clerk:s3cr3t@127.0.0.1:s3cr3t/claims", "to the database: a connection option is invalid"),
        ("host=127.0.0.1 port=1 password=s3cr3t", "no connection to the database on 127.0.0.1: connection refused"),
    ],
)
def test_unreachable_database_is_one_clear_line(url: str, complaint: str) -> None:
    """The reason is named, with database and host, without password or connection string."""
    with pytest.raises(DatabaseUnreachable, match=complaint) as raised:
        connect(Database(url, embedded=False))
    assert _UNSEEN not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.__context__ is None


def test_refusal_by_the_server_is_classed(db_url: str) -> None:
    """A missing database and a missing role are told apart."""
    with pytest.raises(DatabaseUnreachable, match="no such database; `moat db status`"):
        connect(Database(db_url.replace("/test_", "/none_"), embedded=True))
    with pytest.raises(DatabaseUnreachable, match="authentication failed; check --db"):
        connect(Database(re.sub(r"user=\w+", "user=timeout", db_url), embedded=False))


def test_server_that_never_answers_is_given_up(silent_port: int) -> None:
    """A connection attempt ends by itself; a time limit in the URL is kept."""
    with pytest.raises(DatabaseUnreachable, match="timeout"):
        connect(Database(f"postgresql://127.0.0.1:{silent_port}/claims?connect_timeout=2", embedded=False))
