"""A script of an afternoon: COPY into a staging table, then `insert … on conflict do nothing` with types in SQL."""

import hashlib
from pathlib import Path

import psycopg

from contenders.columns import COLUMNS, count, execute

NEEDS: tuple[str, ...] = ()

_SQL = Path(__file__).parent
_STAGING = (
    "create temporary table staging (line bigint generated always as identity, "
    + ", ".join(f"{name} text" for name in COLUMNS.values())
    + ") on commit drop"
)


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Make the tables."""
    execute(url, (_SQL / "staging.sql").read_text(encoding="utf-8"))


def load(url: str, file: str) -> None:
    """All of it in one transaction; a file whose hash is known is left alone."""
    with Path(file).open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        with psycopg.connect(url) as conn:
            claimed = "insert into loads (file_hash) values (%s) on conflict do nothing returning id"
            new = conn.execute(claimed, [digest]).fetchone()
            if new is None:
                return
            conn.execute(_STAGING.encode())
            conn.execute("set local datestyle = 'ISO, MDY'")
            copy_in = f"copy staging ({', '.join(COLUMNS.values())}) from stdin with (format csv, header)"
            with conn.cursor().copy(copy_in.encode()) as copy:
                while data := content.read(1 << 20):
                    copy.write(data)
            statement = (_SQL / "staging_load.sql").read_text(encoding="utf-8").replace("%(load)s", str(int(new[0])))
            conn.execute(statement.encode())


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
