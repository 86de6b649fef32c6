"""Check every PL/pgSQL function by plpgsql_check, security and performance warnings included: `make lint-sql`.

Runs the migrations on a PostgreSQL of its own, which is gone afterwards. Needs a server with the extension installed,
as Debian has it in postgresql-15-plpgsql-check, and exits 2 where there is none. Exits 1 when anything is found.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from plaintiff_moat.ledger import migrate

_EXTENSION = "plpgsql_check.control"
_INSTALLATIONS = "/usr/lib/postgresql"

# A trigger's function is checked against each of its tables, with the names of its transition tables.
_FINDINGS = """
    select p.oid::regprocedure::text, found.level, found.lineno, found.message, found.hint
    from pg_proc as p
    inner join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
    left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
    cross join plpgsql_check_function_tb(
        p.oid,
        coalesce(t.tgrelid, 0),
        newtable => t.tgnewtable,
        oldtable => t.tgoldtable,
        other_warnings => true,
        extra_warnings => true,
        performance_warnings => true,
        security_warnings => true,
        compatibility_warnings => true
    ) as found
    where p.pronamespace = 'ingest'::regnamespace
    order by 1, 3
"""
_CHECKED = """
    select count(*) from pg_proc as p inner join pg_language as l on l.oid = p.prolang
    where p.pronamespace = 'ingest'::regnamespace and l.lanname = 'plpgsql'
"""


def _installation() -> Path | None:
    """Find the programs of the newest server that has the extension."""
    versions = sorted(Path(_INSTALLATIONS).glob("*"), key=lambda folder: folder.name.zfill(3), reverse=True)
    for folder in versions:
        shared = Path("/usr/share/postgresql") / folder.name / "extension" / _EXTENSION
        if shared.is_file() and (folder / "bin" / "initdb").is_file():
            return folder / "bin"
    return None


@contextmanager
def _server(programs: Path) -> Iterator[str]:
    """Run a server in a folder of its own, as the user `postgres` where root calls, whom PostgreSQL refuses."""
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="moat-lint-") as folder:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = Path(folder) / "data"

        def call(program: str, *arguments: str) -> None:
            command = [str(programs / program), f"--pgdata={data}", *arguments]
            subprocess.run(  # PostgreSQL's own programs, no shell  # nosec B603
                command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL
            )

        call("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        call("pg_ctl", "--wait", f"--options=-F -c listen_addresses= -k {folder}", f"--log={folder}/log", "start")
        try:
            yield f"postgresql:///postgres?host={folder}&user=postgres"
        finally:
            call("pg_ctl", "--wait", "--mode=immediate", "stop")
            shutil.rmtree(data, ignore_errors=True)


def main() -> int:
    """Print what is found, a line each."""
    programs = _installation()
    if programs is None:
        print(f"lint-sql: no server below {_INSTALLATIONS} has plpgsql_check: apt install postgresql-15-plpgsql-check")
        return 2
    with _server(programs) as url, psycopg.connect(url, autocommit=True) as conn:
        migrate.push(conn)
        conn.execute("create extension plpgsql_check")
        findings = conn.execute(_FINDINGS).fetchall()
        (checked,) = conn.execute(_CHECKED).fetchone() or (0,)
    for function, level, line, message, hint in findings:
        print(f"{function}:{line}: {level}: {message}" + (f" ({hint})" if hint else ""))
    print(f"lint-sql: {len(findings)} findings in {checked} functions")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
