"""The API over REST, as PostgREST would send it: the same statements, role and settings, without the server.

tests/servers/test_postgrest.py asks PostgREST itself; here is what runs in every `make test`. The form of the
transaction follows https://docs.postgrest.org/en/v12/references/transactions.html
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.rest_calls import API_ROLES, CALLS, PRIVATE, Answers, check_story

_SETTINGS = """
    select set_config('search_path', '"ingest"', true), set_config('role', %(role)s, true),
        set_config('request.jwt.claims', %(claims)s, true), set_config('request.method', 'POST', true),
        set_config('request.path', %(path)s, true)
"""
# arguments come as one JSON object; of each parameter that it names PostgREST writes one, typed as the catalogue says
_CALL = """
    with pgrst_source as (
        select pgrst_call.*
        from (select {payload}::json as json_data) as pgrst_payload,
        lateral (select * from json_to_record(pgrst_payload.json_data) as _({columns})) as pgrst_body,
        lateral {function}({arguments}) as pgrst_call
    )
    select coalesce(json_agg(_postgrest_t){only}, 'null')::text from pgrst_source as _postgrest_t
"""
_ABOUT = """
    select p.proretset, p.pronargs, p.proargnames[1:p.pronargs], array(
        select format_type(t.type, null) from unnest(p.proargtypes) with ordinality as t (type, place) order by t.place
    )
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'ingest'::regnamespace and p.proname = %s
"""


@contextmanager
def api_roles(conn: psycopg.Connection) -> Iterator[None]:
    """Supabase's roles, where the server has none, as long as the test."""
    with conn.transaction(force_rollback=True):
        for role in API_ROLES:
            if not conn.execute("select true from pg_roles where rolname = %s", [role]).fetchone():
                conn.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
                conn.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
        yield


def post(conn: psycopg.Connection, role: str, function: str, arguments: dict[str, Any]) -> Any:
    """The answer to POST /rpc/function with profile `ingest`, decoded."""
    is_set, _, names, types = conn.execute(_ABOUT, [function]).fetchone()
    named = [(name, kind) for name, kind in zip(names, types, strict=True) if name in arguments]
    with conn.transaction():
        claims = {"role": role, "iss": "supabase"}
        conn.execute(_SETTINGS, {"role": role, "claims": json.dumps(claims), "path": f"/rpc/{function}"})
        statement = sql.SQL(_CALL).format(
            payload=sql.Literal(json.dumps(arguments)),
            columns=sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in named),
            function=sql.Identifier("ingest", function),
            arguments=sql.SQL(", ").join(
                sql.SQL("{} := pgrst_body.{}").format(sql.Identifier(n), sql.Identifier(n)) for n, _ in named
            ),
            only=sql.SQL("" if is_set else "->0"),
        )
        answer = json.loads(conn.execute(statement).fetchone()[0])
    return answer if is_set else next(iter(answer.values())) if isinstance(answer, dict) else answer


def test_service_role_is_answered_as_documented(conn: psycopg.Connection) -> None:
    """Each function, called by name with JSON, gives the runbook's columns as JSON."""
    check_story(Answers(lambda function, arguments: post(conn, "service_role", function, arguments)))


@pytest.mark.parametrize("role", API_ROLES)
def test_browsers_are_refused(conn: psycopg.Connection, role: str) -> None:
    """The roles of browsers, anon and authenticated, get 42501 from every function, whatever the token claims."""
    with api_roles(conn):
        for function, arguments in CALLS.items():
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                post(conn, role, function, arguments)


def test_what_is_private_is_so_for_the_service_role(conn: psycopg.Connection) -> None:
    """A function that is no part of the API is refused although the schema is exposed."""
    arguments = {"p_run_id": CALLS["heartbeat_import_run"]["p_run_id"], "p_event": "failed"}
    arguments |= {"p_worker_id": None, "p_attempt": 1, "p_details": {}}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        post(conn, "service_role", PRIVATE, arguments)
