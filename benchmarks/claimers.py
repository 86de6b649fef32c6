"""Claims at the same time: `claimers.py URL CLAIMERS` prints how many a second, and how long one takes, as JSON."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Barrier

import psycopg

from plaintiff_moat.ledger.claims import IngestClaimClient

CLAIMS = 20  # of each claimer


def main() -> None:
    """First each claimer its own deliveries, then all of them the same ones."""
    url, claimers = sys.argv[1], int(sys.argv[2])
    figures: dict[str, float] = {}
    for kind in ("own", "same"):
        began, granted, taken = _all_claim(url, claimers, kind)
        expected = CLAIMS * (claimers if kind == "own" else 1)
        if granted != expected:
            sys.exit(f"{granted} claims were granted, {expected} expected")
        figures |= {
            f"{kind}_per_second": len(taken) / (time.monotonic() - began),
            f"{kind}_median": median(taken),
            f"{kind}_worst": max(taken),
        }
    print(json.dumps(figures))


def _all_claim(url: str, claimers: int, kind: str) -> tuple[float, int, list[float]]:
    """When they began, how many claims were granted, and the seconds of each claim."""
    start = Barrier(claimers + 1)

    def claim_all(claimer: int) -> list[tuple[bool, float]]:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:
            client = IngestClaimClient(conn, f"claimer-{claimer}")
            start.wait()
            return [_claim(client, f"{kind}-{number}-{claimer if kind == 'own' else ''}") for number in range(CLAIMS)]

    with ThreadPoolExecutor(claimers) as pool:
        answers = [pool.submit(claim_all, claimer) for claimer in range(claimers)]
        start.wait()
        began = time.monotonic()
        claims = [claim for answer in answers for claim in answer.result()]
    return began, sum(granted for granted, _ in claims), [taken for _, taken in claims]


def _claim(client: IngestClaimClient, batch: str) -> tuple[bool, float]:
    began = time.monotonic()
    claim = client.claim("simplicity", batch, "00", "export.csv")
    return claim.is_claimed, time.monotonic() - began


if __name__ == "__main__":
    main()
