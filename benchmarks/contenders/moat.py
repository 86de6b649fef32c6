"""`moat import`: once, whole, provably; typed, normalised, deduplicated, with rejects and history."""

import sys
from collections.abc import Sequence
from pathlib import Path

from contenders.columns import count

NEEDS: tuple[str, ...] = ()


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Migrate the database."""
    from plaintiff_moat.ledger.connect import Database, connect  # noqa: PLC0415 - not part of what a load costs
    from plaintiff_moat.ledger.migrate import push  # noqa: PLC0415 - the same

    with connect(Database(url, embedded=True)) as conn:
        push(conn)


def command(url: str, file: str) -> Sequence[str]:
    """The one of this environment."""
    moat = str(Path(sys.executable).with_name("moat"))
    return [moat, "import", file, "--source-system", "simplicity", "--commit", "--db", url]


def records(url: str, file: str) -> int:  # noqa: ARG001
    """The active set."""
    return count(url, "ingest.v_plaintiffs")
