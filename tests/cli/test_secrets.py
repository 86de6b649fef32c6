"""A password is in nothing that a command says, however wrong the URL is that it came in."""

import os
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from click.testing import CliRunner

from plaintiff_moat.cli.main import moat

_SECRET = "s3cr3t-Xy9"  # noqa: S105 - nobody's
_SPECIAL = "@/?#:%&=+ []'\"\\$;,!"
_PASSWORDS = [
    _SECRET,
    *(form.format(c) for c in _SPECIAL for form in (f"{{}}{_SECRET}", f"{_SECRET}{{}}", f"1{{}}{_SECRET}")),
]
_PASSWORDS += [
    f"a@{_SECRET}/b",
    f"a@{_SECRET}:1",
    f"a@{_SECRET}:1/b",
    f"a/{_SECRET}?b",
    f"a@b/{_SECRET}?user=c",
    "%zz" + _SECRET,
]
_ELSEWHERE = [
    f"postgresql://clerk@127.0.0.1:1/claims?password={_SECRET}",
    f"postgresql://clerk@127.0.0.1:1/claims?password={_SECRET}&nonsense=1",
    f"postgresql://clerk@127.0.0.1:1/claims?sslpassword={_SECRET}",
    f"postgresql://{_SECRET}@127.0.0.1:1/claims",
    f"postgresql://clerk@127.0.0.1:{_SECRET}/claims",
    f"postgresql://clerk@127.0.0.1:1/claims?{_SECRET}",
    f"postgres//clerk:{_SECRET}@127.0.0.1:1/claims",
    f"host=127.0.0.1 port=1 user=clerk password={_SECRET}",
    f"host=127.0.0.1 port=1 password={_SECRET} {_SECRET}",
    f"host=127.0.0.1 port=1 password='{_SECRET}",
]
_COMMANDS = (
    ["runs"],
    ["show", "abc"],
    ["reconcile", "abc"],
    ["rollback", "abc", "--reason", "x"],
    ["import", __file__],
    ["import", __file__, "--commit", "--verbose", "--patience", "0"],
    ["doctor"],
    ["doctor", "--json"],
    ["db", "push"],
    ["db", "push", "--dry-run"],
)


def _said(arguments: list[str], **environment: str) -> str:
    """All that a command prints, and all that a traceback of it would."""
    result = CliRunner().invoke(moat, arguments, env=environment)
    assert result.exit_code != 0 or result.return_value != 0
    return result.output + "".join(traceback.format_exception(*result.exc_info))


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_no_command_says_a_password(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither output nor traceback holds any of a password that is wrong in any position of a URL."""
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    for password in _PASSWORDS:
        url = f"postgresql://clerk:{password}@127.0.0.1:1/claims"
        assert _SECRET not in _said([*command, "--db", url]), url
    for url in _ELSEWHERE:
        assert _SECRET not in _said(command, MOAT_DATABASE_URL=url), url


def test_a_password_of_a_service_or_the_environment_is_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What libpq takes from its own places, a broken service file among them, is not repeated either."""
    services = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    for text in (
        f"[x]\nhost=127.0.0.1\nport=1\npassword={_SECRET}\n",
        f"[x]\n{_SECRET}\n",
        f"[x]\nnonsense={_SECRET}\n",
    ):
        services.write_text(text, encoding="utf-8")
        assert _SECRET not in _said(["runs", "--db", "service=x"])
    monkeypatch.setenv("PGPASSWORD", _SECRET)
    assert _SECRET not in _said(["runs", "--db", "postgresql://127.0.0.1:1"])


def test_psql_gets_the_password_where_nobody_else_sees_it(tmp_path: Path) -> None:
    """`moat db psql` hands every part of a URL on in the environment, nothing of it as an argument."""
    psql = tmp_path / "psql"
    psql.write_text('#!/bin/sh\necho "arguments: $0 $*"\nenv | grep ^PG\n', encoding="utf-8")
    psql.chmod(psql.stat().st_mode | stat.S_IXUSR)
    url = f"postgresql://clerk:{_SECRET}@db.example.com:6543/claims?sslmode=verify-full"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MOAT_DATABASE_URL": url}
    command = [sys.executable, "-m", "plaintiff_moat", "db", "psql", "--", "-c", "select 1"]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    arguments, *variables = outcome.stdout.splitlines()
    assert arguments == f"arguments: {psql} -c select 1"
    assert {
        f"PGPASSWORD={_SECRET}", "PGUSER=clerk", "PGHOST=db.example.com", "PGPORT=6543", "PGDATABASE=claims",
        "PGSSLMODE=verify-full",
    } <= set(variables)  # fmt: skip
