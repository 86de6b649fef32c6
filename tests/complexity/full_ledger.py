"""A ledger that holds far more than what a test asks of it: 20,000 records, and runs of 20 in every state."""

from dataclasses import dataclass
from uuid import UUID

from tests.ledger.ledger_steps import Connection, claim, fail, imported, processing, reconcile, rollback

__all__ = ["BIG_RUNS", "RECORDS_OF_A_BIG_RUN", "Ledger", "fill"]

BIG_RUNS, RECORDS_OF_A_BIG_RUN = 10, 2_000
FEW = [f"few-{number}" for number in range(20)]


@dataclass(frozen=True)
class Ledger:
    """A database of its own, and its small runs by name: `following` delivers again what `first` did, after the big."""

    url: str
    runs: dict[str, UUID]


def fill(conn: Connection) -> dict[str, UUID]:
    """Put the runs into an empty ledger; the small ones by name."""
    first = imported(conn, "first", [*FEW, None])
    for number in range(BIG_RUNS):
        # one record in two hundred is a reject
        names = [None if at % 200 == 0 else f"big-{number}-{at}" for at in range(RECORDS_OF_A_BIG_RUN)]
        imported(conn, f"big-{number}", names)
    runs = {
        "first": first,
        "following": imported(conn, "following", [*FEW[1:], "new", None]),
        "undone": imported(conn, "undone", ["gone", *FEW[:5]]),
        "processing": processing(conn, "processing", ["waiting"]).run_id,
        "contradicted": processing(conn, "contradicted", ["one"]).run_id,
    }
    rollback(conn, runs["undone"])
    fail(conn, claim(conn, "failed"))
    reconcile(conn, runs["contradicted"], 2)
    claim(conn, "first", worker="worker-2")
    conn.execute("vacuum analyze")
    return runs
