"""A disk that is full: one clear error that quotes no data, and when there is space again the next import completes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from durable_server import TEMPLATE, DurableServer, durable_server
from import_process import Ended, comes_true, imported, imported_here, process_state, vendor_file
from import_scene import Scene
from small_disk import SmallDisk, small_disk

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer

_CHUNK_BYTES = 20_000
_RECORDS = 4_000
_LEFT = 900_000  # more than two landings side by side reserve at first, about half of what the records take


def _assert_no_data_is_quoted(ended: Ended, log: Path) -> None:
    """The last line says what is wrong; none of it, nor of the server's log, is of a record."""
    assert re.search(r"(?m)^moat: [^\n]+\n\Z", ended.errors), ended.errors
    for text in (ended.errors, log.read_text(encoding="utf-8")):
        assert "Plaintiff 0" not in text
        assert "@example.com" not in text


def _imported_whole(path: Path, db_url: str) -> None:
    ended = imported(path, db_url, chunk_bytes=_CHUNK_BYTES)
    assert ended.code == Exit.DONE, ended.errors
    assert ended.summary["claim_status"] == "claimed"


@contextmanager
def _tablespace(server: EmbeddedServer, disk: SmallDisk) -> Iterator[str]:
    """A migrated database on the disk, and its URL."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"create tablespace small location '{disk.folder}'")
        conn.execute("create database on_small_disk template migrated tablespace small")
        yield server.url("on_small_disk")
        conn.execute("drop database on_small_disk with (force)")
        conn.execute("drop tablespace small")


@pytest.mark.usefixtures("template")
def test_a_full_disk_fails_the_import_and_the_next_one_completes_it(
    server: EmbeddedServer, tmp_path: Path, db_url: str
) -> None:
    """The tables' disk fills up while records land; what had landed by then is not landed again."""
    path = vendor_file(tmp_path, records=_RECORDS)
    imported_here(path, db_url, chunk_bytes=_CHUNK_BYTES)
    with connect(Database(db_url, embedded=True)) as conn:
        expected = Scene.of("", path, conn, 0)
    with small_disk(megabytes=24) as disk, _tablespace(server, disk) as full_url:
        disk.fill(leave=_LEFT)
        failed = imported(path, full_url, chunk_bytes=_CHUNK_BYTES)
        _assert_no_data_is_quoted(failed, server.home / "postgres.log")
        assert failed.code == Exit.FAILED
        assert failed.errors.count("\n") == 1
        assert "the disk of the database is full: make space on it" in failed.errors

        with connect(Database(full_url, embedded=True)) as conn:
            (landed,) = conn.execute("select count(*) from ingest.landed_chunks").fetchone()
            assert landed > 0
            assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (0,)
            disk.free()
            _imported_whole(path, full_url)
            assert conn.execute("select from ingest.landed_chunks where attempt = 1").rowcount == landed
            expected.assert_whole(conn)


@contextmanager
def _server_on(disk: SmallDisk, home: Path) -> Iterator[DurableServer]:
    """A server all of whose files are on the disk."""
    home.mkdir(mode=0o700)
    cluster = disk.mount / "cluster"
    cluster.mkdir()
    (home / "postgres").symlink_to(cluster)
    with durable_server(home) as server:
        yield server


@pytest.mark.faults
def test_a_server_that_dies_of_a_full_disk_is_no_loss(tmp_path: Path, db_url: str) -> None:
    """The disk with the server's log is full: the server itself ends, and with space again everything goes on."""
    path = vendor_file(tmp_path, records=_RECORDS)
    imported_here(path, db_url, chunk_bytes=_CHUNK_BYTES)
    with connect(Database(db_url, embedded=True)) as conn:
        expected = Scene.of("", path, conn, 0)
    with small_disk(megabytes=200) as disk, _server_on(disk, tmp_path / "moat") as server:
        url = server.clone(TEMPLATE, "small")
        with server.connected("small") as conn:
            pid = server.embedded.status().pid
            assert pid is not None
            disk.fill(leave=_LEFT)
            conn.execute("select pg_switch_wal()")
        failed = imported(path, url, chunk_bytes=_CHUNK_BYTES, patience=3)
        assert failed.code in {Exit.REFUSED, Exit.FAILED}
        _assert_no_data_is_quoted(failed, server.embedded.home / "postgres.log")
        assert comes_true(lambda: process_state(pid) in {None, "Z"})
        disk.free()
        server.start()
        _imported_whole(path, url)
        with server.connected("small") as conn:
            expected.assert_whole(conn)
