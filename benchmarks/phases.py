"""Where the moat's time goes: the importer's steps one after the other, in one thread, each with its clocks.

    python benchmarks/phases.py URL FILE POSTMASTER_PID

Prints a JSON object: for each phase its seconds by the clock, the processor seconds of the client and of the server.
`moat import` itself does read, normalise and land for several chunks side by side, so that its seconds are fewer than
the sum; the processor seconds are the same.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from server import cpu_seconds_of

from plaintiff_moat.delivery import open_delivery
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.landing import land
from plaintiff_moat.rows.measure import measure
from plaintiff_moat.rows.prepare import prepare
from plaintiff_moat.source.read import read


class Clocks:
    """Seconds, client's and server's processor seconds of each phase, summed over its times."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self.phases: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is done inside counts for the phase of this name."""
        before = self._now()
        yield
        for at, (now, then) in enumerate(zip(self._now(), before, strict=True)):
            self.phases[name][at] += now - then

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), time.process_time(), cpu_seconds_of(self._postmaster)


def main() -> None:
    """Takes the file in and prints the phases."""
    url, file, postmaster = sys.argv[1:]
    clocks = Clocks(int(postmaster))
    with clocks.phase("scan"):
        delivery = open_delivery(file, source_system="simplicity")
    scan = delivery.scan
    with connect(Database(url, embedded=True)) as conn:
        client = IngestClaimClient(conn, "phases")
        with clocks.phase("claim"):
            claim = client.claim(*delivery.identity, delivery.filename, expected_count=scan.records)
            lease = client.lease(claim.run_id)
        for chunk in scan.chunks:
            with clocks.phase("read"):
                cells = read(scan.path, scan.dialect, scan.header, chunk)
            with clocks.phase("normalise"):
                rows = prepare(cells, delivery.header, delivery.mapping, delivery.source_system)
                measured = measure(cells, rows, delivery.mapping)
            with clocks.phase("land"):
                land(conn, lease, chunk, rows, measured)
        with clocks.phase("publish"):
            result = client.reconcile(claim.run_id, scan.records)
    assert result.is_valid  # noqa: S101 - figures of a failed run are none
    print(json.dumps(clocks.phases))


if __name__ == "__main__":
    main()
