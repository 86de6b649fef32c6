"""Behind a pooler in transaction mode, where each transaction may meet another server session, nothing is different."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from import_steps import active, counts
from outcome import broken_invariants, unfinished_runs
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from plaintiff_moat.cli.main import moat
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.embedded import EmbeddedServer
from plaintiff_moat.ledger.embedded.service_user import ServerUser, server_user

_FETCHED = Path(__file__).parents[2] / ".venv" / "pgbouncer"  # by `make pgbouncer`
_POOL = 2
_PATIENCE = 20.0
_SETTINGS = """\
[databases]
* = host={server} port={port} user=postgres

[pgbouncer]
pool_mode = transaction
default_pool_size = {pool}
min_pool_size = 0
reserve_pool_size = 0
unix_socket_dir = {folder}
unix_socket_mode = 0777
listen_addr =
listen_port = 6432
auth_type = any
"""


@pytest.fixture
def pooler_url(server: EmbeddedServer, db_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of the test's database through a pgbouncer of the test's own."""
    if not (_FETCHED / "pgbouncer").exists():
        reason = "there is no pgbouncer: `make pgbouncer` fetches one"
        if request.node.get_closest_marker("faults"):
            pytest.fail(reason)
        pytest.skip(reason)
    user = server_user()
    # not pytest's folders: nobody but their owner may enter these
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    try:
        with _admitted(server, user):
            yield from _pooled(db_url, folder, user)
    finally:
        shutil.rmtree(folder)


def _pooled(db_url: str, folder: Path, user: ServerUser) -> Iterator[str]:
    shutil.copytree(_FETCHED, folder, dirs_exist_ok=True)
    address = conninfo_to_dict(db_url)
    (folder / "pgbouncer.ini").write_text(
        _SETTINGS.format(server=address["host"], port=address["port"], pool=_POOL, folder=folder)
    )
    if not user.is_invoker:
        shutil.chown(folder, user.uid, user.gid)
    with (folder / "log").open("wb") as log:
        pgbouncer = subprocess.Popen(
            [folder / "pgbouncer", folder / "pgbouncer.ini"],
            stdout=log,
            stderr=log,
            env={"LD_LIBRARY_PATH": str(folder / "lib"), "PATH": os.defpath},
            user=None if user.is_invoker else user.uid,
            group=None if user.is_invoker else user.gid,
            extra_groups=None if user.is_invoker else [],
        )
    try:
        url = make_conninfo(db_url, host=str(folder), port=6432)
        _wait_for(url, folder / "log")
        yield url
    finally:
        pgbouncer.terminate()
        pgbouncer.wait(_PATIENCE)


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@contextmanager
def _admitted(server: EmbeddedServer, user: ServerUser) -> Iterator[None]:
    """Let the user whom pgbouncer runs as into the server: the embedded one admits nobody but who invoked it."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        (file,) = conn.execute("select current_setting('ident_file')").fetchone() or ("",)
        before = Path(file).read_text()
        try:
            Path(file).write_text(f'{before}moat "{user.name}" all\n')
            conn.execute("select pg_reload_conf()")
            yield
        finally:
            Path(file).write_text(before)
            conn.execute("select pg_reload_conf()")


@pytest.fixture
def command(pooler_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `moat` with the pooler as its database."""
    monkeypatch.setenv("MOAT_DATABASE_URL", pooler_url)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(moat, arguments, standalone_mode=False, catch_exceptions=False)

    return run


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("files", [6, pytest.param(60, marks=pytest.mark.faults)])
def test_the_whole_flow_passes_through_a_pool_of_two(
    command: Callable[..., Result],
    pooler_url: str,
    db_url: str,
    csv_file: Callable[..., Path],
    files: int,
    record_property: Callable[[str, object], None],
) -> None:
    """Import with several workers, duplicate, undo, import again, look at runs, a folder of files several at a time."""
    database = Database(pooler_url, embedded=False)
    first = csv_file("first.csv", [f"P{number:03}" for number in range(60)], "a line,too short")
    summary = import_file(first, database, workers=4)
    assert counts(summary) == (61, 60, 0, 1)
    assert import_file(first, database, workers=4).claim_status == "duplicate"

    run_id = str(summary.run_id)
    assert [run["id"] for run in json.loads(command("runs", "--json").stdout)] == [run_id]
    assert json.loads(command("reconcile", run_id, "--json").stdout)["is_valid"]
    assert json.loads(command("rollback", run_id, "--reason", "bad file", "--json").stdout)["rows_affected"] == 61
    shown = json.loads(command("show", run_id, "--json").stdout)
    assert (shown["status"], shown["events"][-1]["event"]) == ("rolled_back", "rolled_back")
    again = [json.loads(line) for line in command("import", str(first), "--commit", "--json").stdout.splitlines()]
    assert [line["status"] for line in again] == ["completed"]

    paths = [
        csv_file(f"{number}.csv", [f"Q{place:05}" for place in range(number * 20, number * 20 + 30)])
        for number in range(files)
    ]
    with ThreadPoolExecutor(4) as importers:
        summaries = list(importers.map(lambda path: import_file(path, database, workers=2), paths))
    assert {(summary.claim_status, summary.status) for summary in summaries} == {("claimed", "completed")}
    csv_file("last.csv", ["R1", "R2"])
    folder = [
        json.loads(line) for line in command("import", str(first.parent), "--commit", "--json").stdout.splitlines()
    ]
    assert Counter(line["claim_status"] for line in folder) == {"duplicate": files + 1, "claimed": 1}

    with psycopg.connect(db_url, autocommit=True) as conn:
        sessions = conn.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
        assert sessions == (_POOL,)
        names = [f"P{n:03}" for n in range(60)] + [f"Q{n:05}" for n in range(files * 20 + 10)]
        assert active(conn) == {*names, "R1", "R2"}
        assert unfinished_runs(conn) == []
        assert broken_invariants(conn) == {}
    record_property("files through a pool of two", files + 2)
