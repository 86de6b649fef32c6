"""PostgREST itself in front of the ledger, as on Supabase: schema `ingest` exposed, the role as a token says."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
from psycopg import sql

from tests.rest_calls import API_ROLES, CALLS, PRIVATE, Answers, check_story
from tests.servers.clusters import Cluster
from tests.servers.programs import postgrest_binary

pytestmark = pytest.mark.matrix

_SECRET = "a-secret-of-32-bytes-for-the-tests!"  # noqa: S105 - of a server that ends with the test
_PATIENCE = 60.0


class Rest:
    """One PostgREST, spoken to as a client does."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def post(self, role: str | None, function: str, arguments: dict[str, Any]) -> tuple[int, Any]:
        """Status and decoded answer of a call; without a role there is no token."""
        headers = {"Content-Type": "application/json", "Content-Profile": "ingest"}
        if role is not None:
            headers["Authorization"] = f"Bearer {_token(role)}"
        request = Request(f"{self._address}/rpc/{function}", json.dumps(arguments).encode(), headers)  # noqa: S310
        try:
            with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - our own server
                return answer.status, json.load(answer)
        except HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def wait(self) -> None:
        """Returns once the schema is loaded."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                if self.post(None, "heartbeat_import_run", CALLS["heartbeat_import_run"])[0] != 503:
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, "PostgREST did not come up"
            time.sleep(0.1)


@pytest.fixture
def rest(cluster: Cluster, db_url: str, tmp_path: Path) -> Iterator[Rest]:
    """PostgREST on the test's database."""
    with psycopg.connect(cluster.url("postgres", user=cluster.superuser), autocommit=True) as conn:
        for role in (*API_ROLES, "authenticator"):  # a bare server has none of them
            if not conn.execute("select true from pg_roles where rolname = %s", [role]).fetchone():
                conn.execute(sql.SQL("create role {} login noinherit").format(sql.Identifier(role)))
        conn.execute("grant anon, authenticated, service_role to authenticator")
    if not cluster.is_supabase:
        cluster.let_owner_act_as(*API_ROLES)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "DB_URI": db_url.replace(f"user={cluster.owner}", "user=authenticator"),
        "DB_SCHEMAS": "ingest",
        "DB_ANON_ROLE": "anon",
        "JWT_SECRET": _SECRET,
        "SERVER_HOST": "127.0.0.1",
        "SERVER_PORT": str(port),
    }
    with (tmp_path / "postgrest.log").open("w") as log:
        environment = {f"PGRST_{name}": value for name, value in settings.items()}
        process = subprocess.Popen([postgrest_binary()], env=environment, stdout=log, stderr=log)
        try:
            server = Rest(port)
            server.wait()
            yield server
        finally:
            process.terminate()
            process.wait()


def test_service_role_is_answered_as_documented(rest: Rest) -> None:
    """Each function, called by name with JSON, gives the runbook's columns as JSON."""

    def call(function: str, arguments: dict[str, Any]) -> Any:
        status, answer = rest.post("service_role", function, arguments)
        assert status == 200, answer
        return answer

    check_story(Answers(call))


def test_browsers_and_the_private_are_refused(rest: Rest) -> None:
    """Without a token and as authenticated every function is 42501; what is private is so for service_role too."""
    for function, arguments in CALLS.items():
        for role, status in ((None, 401), ("anon", 403), ("authenticated", 403)):
            found, answer = rest.post(role, function, arguments)
            assert (found in {401, status}, answer["code"]) == (True, "42501"), (role, function, answer)
    arguments = {"p_run_id": CALLS["heartbeat_import_run"]["p_run_id"], "p_event": "failed"}
    arguments |= {"p_worker_id": None, "p_attempt": 1, "p_details": {}}
    assert rest.post("service_role", PRIVATE, arguments)[1]["code"] == "42501"


def test_a_token_of_somebody_else_is_no_token(rest: Rest) -> None:
    """The role is what a signature vouches for."""
    body, signature = _token("service_role").rsplit(".", 1)
    forged = f"{body}.{signature[::-1]}"
    request = Request(f"{rest._address}/rpc/heartbeat_import_run", b"{}", {"Authorization": f"Bearer {forged}"})  # noqa: S310, SLF001
    with pytest.raises(HTTPError, match="401") as refusal:
        urlopen(request, timeout=_PATIENCE)  # noqa: S310
    refusal.value.close()


def _token(role: str) -> str:
    """A JSON Web Token signed with HS256 (RFC 7519)."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"role": role, "iss": "supabase"})
    body = b".".join(_base64(json.dumps(part).encode()) for part in parts)
    return (body + b"." + _base64(hmac.new(_SECRET.encode(), body, hashlib.sha256).digest())).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
