"""psql's own copy into a table of text columns without an index: the floor, no guarantee at all."""

from collections.abc import Sequence

from contenders.columns import TEXT_TABLE, count, execute

NEEDS: tuple[str, ...] = ()


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Make the table."""
    execute(url, TEXT_TABLE)


def command(url: str, file: str) -> Sequence[str]:
    """The psql of the embedded server, so that both are of one version."""
    from plaintiff_moat.ledger.embedded.binaries import psql_binary  # noqa: PLC0415 - only to find psql

    psql = str(psql_binary()) if psql_binary().exists() else "psql"
    copy = f"\\copy plaintiffs from '{file}' with (format csv, header)"
    return [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", copy, url]


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
