"""Check every PL/pgSQL function by plpgsql_check, security and performance warnings included: `make lint-sql`.

    python scripts/lint_sql.py FOLDER

Runs the migrations on a PostgreSQL of its own, whose programs stand unpacked in the folder, and which is gone
afterwards. Exits 1 when anything is found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.embedded.service_user import server_user

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


@contextmanager
def _server(unpacked: Path) -> Iterator[str]:
    """Run a server in a folder of its own; where root calls, whom PostgreSQL refuses, as the embedded one's user."""
    user = server_user()
    with tempfile.TemporaryDirectory(prefix="moat-lint-") as name:
        folder = Path(name)
        # that user need not be able to read where we are
        shutil.copytree(unpacked, folder / "server", symlinks=True, ignore=shutil.ignore_patterns("bitcode", "locale"))
        (programs,) = folder.glob("server/usr/lib/postgresql/*/bin")
        os.chown(folder, user.uid, user.gid)

        def call(program: str, *arguments: str) -> None:
            command = [str(programs / program), f"--pgdata={folder / 'data'}", *arguments]
            subprocess.run(  # PostgreSQL's own programs, no shell  # nosec B603
                command,
                check=True,
                user=None if user.is_invoker else user.uid,
                cwd="/",
                env={"PATH": os.defpath, "LD_LIBRARY_PATH": str(folder / "server" / "lib")},
                stdout=subprocess.DEVNULL,
            )

        call("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        call("pg_ctl", "--wait", f"--options=-F -c listen_addresses= -k {folder}", f"--log={folder}/log", "start")
        try:
            yield f"postgresql:///postgres?host={folder}&user=postgres"
        finally:
            call("pg_ctl", "--wait", "--mode=immediate", "stop")


def main() -> int:
    """Print what is found, a line each."""
    with _server(Path(sys.argv[1])) as url, psycopg.connect(url, autocommit=True) as conn:
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
