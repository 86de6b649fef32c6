"""The other side is gone without a word: both sides ask after a while, and go on without it."""

import socket

import psycopg
import pytest
from proxy import Proxy
from psycopg.conninfo import make_conninfo

from plaintiff_moat.ledger.connect import Database, connect

_RUN = "(select id from ingest.import_runs)"
_CALLS = {
    "claim": "select ingest.claim_import_run('simplicity', 'another', 'hash')",
    "heartbeat": f"select ingest.heartbeat_import_run({_RUN})",
    "open_chunk": f"select ingest.open_chunk({_RUN}, 1, 0, 0, 1, 1, 1, repeat('0', 64))",
    "finalize": f"select ingest.finalize_import_run({_RUN}, 0, 0, 0, 0)",
    "reconcile": f"select ingest.reconcile_import_run({_RUN}, 0)",
    "rollback": f"select ingest.rollback_import_run({_RUN}, 'reason')",
}


def _asking(conn: psycopg.Connection) -> set[str]:
    # their values are those of the socket, and the tests' socket is not one of TCP: who set them tells
    statement = "select distinct source from pg_settings where name like 'tcp_keepalives%'"
    return {source for (source,) in conn.execute(statement)}


@pytest.mark.parametrize("call", _CALLS)
def test_the_server_asks_after_its_client_while_it_holds_locks_for_it(conn: psycopg.Connection, call: str) -> None:
    """From each call that locks something to the end of its transaction; a pooler keeps the session as it was."""
    conn.execute("select ingest.claim_import_run('simplicity', 'batch', 'hash')")
    assert _asking(conn) == {"default"}
    with conn.transaction(force_rollback=True):
        conn.execute(_CALLS[call])
        assert _asking(conn) == {"session"}
    assert _asking(conn) == {"default"}


def test_the_client_asks_after_its_server(db_url: str) -> None:
    """After half a minute of silence each connection asks; what a URL says of it comes first."""
    with Proxy(db_url) as proxy:
        for url, seconds in (proxy.url, 30), (make_conninfo(proxy.url, keepalives_idle=5), 5):
            with connect(Database(url, embedded=False)) as conn, socket.socket(fileno=conn.fileno()) as its_socket:
                assert its_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert its_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == seconds
                its_socket.detach()
