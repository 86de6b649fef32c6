"""psql's own copy into a table of text columns without an index: the floor, no guarantee at all."""

import os
import shutil

from contenders.columns import TEXT_TABLE, count, execute

NEEDS: tuple[str, ...] = ()


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Make the table."""
    execute(url, TEXT_TABLE)


def load(url: str, file: str) -> None:
    """Become psql: the one of the embedded server, so that both are of one version."""
    from plaintiff_moat.ledger.embedded.binaries import psql_binary  # noqa: PLC0415 - only to find psql

    psql = str(psql_binary()) if psql_binary().exists() else shutil.which("psql") or "psql"
    copy = f"\\copy plaintiffs from '{file}' with (format csv, header)"
    os.execv(psql, [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", copy, url])  # noqa: S606


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
