"""One process of a storm of claims, in a module that a process imports fast."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import psycopg

from plaintiff_moat.ledger.claims import IngestClaimClient

__all__ = ["claim_all", "take_places"]

_PATIENCE = 120.0
_start: Barrier

Answer = tuple[str | None, str]


def take_places(start: Barrier) -> None:
    """Keep the line that every connection of this storm waits at before each claim."""
    global _start  # noqa: PLW0603 - a barrier reaches a process at its birth and no later
    _start = start


def claim_all(db_url: str, threads: int, files: list[str]) -> list[list[Answer]]:
    """Claim each file in each thread at the same moment as all others do; the answers of each thread, file by file.

    Whoever is granted the lease of a file whose name ends in "!" completes its run at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(partial(_claim_all, db_url), [files] * threads))


def _claim_all(db_url: str, files: list[str]) -> list[Answer]:
    with psycopg.connect(db_url, autocommit=True, prepare_threshold=None) as conn:
        client = IngestClaimClient(conn)
        return [_claim(client, file) for file in files]


def _claim(client: IngestClaimClient, file: str) -> Answer:
    _start.wait(_PATIENCE)
    try:
        claim = client.claim("simplicity", file, "abc", file)
        if claim.is_claimed and claim.run_id and file.endswith("!"):
            client.finalize(claim.run_id, 0, 0, 0, 0)
    except psycopg.Error as fault:
        return None, f"error {fault.sqlstate}"
    return claim.run_id and str(claim.run_id), claim.status.value
