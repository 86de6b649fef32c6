"""The sign of life: a lease stays alive while its worker makes progress, and no longer."""

import threading
from types import TracebackType
from typing import Self

import psycopg

from plaintiff_moat.errors import LeaseLost, MoatError
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.leases import Lease

__all__ = ["Heartbeat"]

# A sixtieth of the default stale_after: fifty-nine lost beats do not cost the lease.
INTERVAL_SECONDS = 30.0


class Heartbeat:
    """Beats for a lease from a thread and a connection of its own, once an interval in which `progress` was called.

    A worker that is alive but stuck does not call `progress`, falls silent, and may be taken over.
    """

    def __init__(self, database: Database, lease: Lease, interval: float = INTERVAL_SECONDS) -> None:
        self._database = database
        self._lease = lease
        self._interval = interval
        self._progressed = threading.Event()
        self._over = threading.Event()
        self._lost: LeaseLost | None = None
        self._thread = threading.Thread(target=self._beat, name="moat-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def progress(self) -> None:
        """Says that the worker got on. Raises LeaseLost when a beat was refused since."""
        if self._lost is not None:
            raise self._lost
        self._progressed.set()

    def _beat(self) -> None:
        while not self._over.wait(self._interval):
            if not self._progressed.is_set():
                continue
            self._progressed.clear()
            try:
                with connect(self._database) as conn:
                    IngestClaimClient(conn, lease=self._lease).heartbeat(self._lease.run_id)
            except LeaseLost as lost:
                self._lost = lost
                return
            except (MoatError, psycopg.Error):
                # A beat that could not be sent is missed; the landing meets the same fault and reports it.
                self._progressed.set()
