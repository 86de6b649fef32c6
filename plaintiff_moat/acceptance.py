"""On what terms a delivery is taken in: its control totals hold, and with `strict` it is like those before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat.delivery import Delivery
from plaintiff_moat.drift import HISTORY, Drift, Profile, drift_of, duplicates_drift, header_drift
from plaintiff_moat.errors import BadInput, ControlTotalMismatch, Drifted
from plaintiff_moat.expected import ControlTotals, Expected, amount_of, published_already
from plaintiff_moat.ledger import profiles
from plaintiff_moat.ledger.leases import Lease
from plaintiff_moat.ledger.runs import run
from plaintiff_moat.rows import labels
from plaintiff_moat.rows.measure import Measure

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """A scanned delivery and what is expected of it. `replaced` is the run that it takes the place of, if any."""

    delivery: Delivery
    expected: Expected
    replaced: UUID | None = None

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the file's columns as they may be shown and stored."""
        return labels(self.delivery.header)

    def check_scan(self, live: Callable[[], Mapping[str, Any] | None]) -> None:
        """Holds against the expected what the scan alone tells. Writes nothing.

        `live` is asked for the run of the delivery where something does not hold: it may be published already. Raises
        ControlTotalMismatch for another SHA-256 or count of records, and BadInput where a total is expected of
        a file without amounts.
        """
        delivery, expected = self.delivery, self.expected
        file_hash = delivery.identity[2]
        if expected.sha256 is not None and expected.sha256.lower() != file_hash:
            published = _published(live())
            raise ControlTotalMismatch(
                f"{delivery.filename}: expected SHA-256 {expected.sha256.lower()}, found {file_hash}: it is another"
                " file than the one that the vendor speaks of, or not all of it;"
                f" {'nothing was written' if published is None else published_already(published)}"
            )
        if expected.total is not None and "judgment_amount" not in dict(delivery.mapping.columns):
            raise BadInput(
                f"{delivery.filename}: expected a column of amounts to hold against the total, found none that mapping"
                f" '{delivery.mapping.mapping.name}' takes for judgment_amount; name another mapping, or no total"
            )
        totals = self.totals(None, 0)
        if totals is None:
            return
        try:
            totals.require(delivery.filename)
        except ControlTotalMismatch:
            totals.require(delivery.filename, published=_published(live()))

    def begin(self, conn: psycopg.Connection[Any], lease: Lease) -> None:
        """Keeps header and control totals with the run, before anything of it lands. Raises Drifted for the header."""
        profiles.describe_source(conn, lease, self.delivery.layout)
        if self.expected.says_something or lease.attempt > 1:
            sha256 = self.expected.sha256 and self.expected.sha256.lower()
            profiles.state_control_totals(conn, lease, self.expected.rows, self.expected.total, sha256)
        if self.expected.strict:
            self._refuse(header_drift(self.header, self.earlier(conn)))

    def judge(self, conn: psycopg.Connection[Any], lease: Lease, earlier: Sequence[Profile]) -> tuple[Drift, ...]:
        """How the landed file differs from those before it, which is left as an event; with `strict` raises Drifted."""
        file = self._profile(conn, lease.run_id)
        found = drift_of(file, earlier) if file else ()
        if self.expected.strict:
            self._refuse(found)
        return self._record(conn, lease, found)

    def judge_published(
        self, conn: psycopg.Connection[Any], lease: Lease, earlier: Sequence[Profile]
    ) -> tuple[Drift, ...]:
        """The same of the duplicates, by the counts of the publication that has just been made."""
        file = self._profile(conn, lease.run_id) if earlier else None
        found = duplicates_drift(file, earlier) if file else ()
        if self.expected.strict:
            self._refuse(found)
        return self._record(conn, lease, found)

    def preview(self, conn: psycopg.Connection[Any], measured: Measure, skipped: int) -> tuple[Drift, ...]:
        """What `judge` and `judge_published` would find. Writes nothing. With `strict` raises Drifted."""
        earlier = self.earlier(conn)
        is_whole = measured.records == self.delivery.scan.records
        file = Profile(self.header, measured.filled, measured.records, measured.rejected, skipped)
        found = (
            (*drift_of(file, earlier), *duplicates_drift(file, earlier))
            if is_whole
            else header_drift(file.header, earlier)
        )
        if self.expected.strict:
            self._refuse(found)
        return found

    def earlier(self, conn: psycopg.Connection[Any]) -> tuple[Profile, ...]:
        """The files of the source system before this one, the latest first; of rejects that come back their run's.

        One file says which columns there were, and nothing of figures, which those of a few rejects are not like.
        """
        if self.delivery.replays is not None:
            parent = profiles.profile_of_run(conn, self.delivery.replays)
            return (_profile_of(parent),) if parent and parent["filled"] else ()
        rows = profiles.earlier_profiles(conn, self.delivery.source_system, HISTORY, replaced=self.replaced)
        return tuple(_profile_of(row) for row in rows if row["filled"])

    def refused(self, conn: psycopg.Connection[Any], run_id: UUID, measured: Measure | None) -> None:
        """Raises ControlTotalMismatch when that is why the run has failed."""
        details = run(conn, run_id)["error_details"] or {}
        if details.get("code") != "CONTROL_TOTAL_MISMATCH":
            return
        said = details["control_totals"]
        found = said.get("found_total_amount")
        if found is None and self.expected.total is not None:
            raise ControlTotalMismatch(
                f"{self.delivery.filename}: expected a total amount of {self.expected.total:,.2f}, found that chunks of"
                f" run {run_id} were landed without their sums; roll it back and import the file again"
            )
        totals = self.totals(found and amount_of(found), int(said.get("unread_amounts", 0)))
        if totals is not None:
            totals.require(self.delivery.filename, measured.unread_lines if measured else ())

    def require(self, standing: Mapping[str, Any] | None, measured: Measure | None) -> ControlTotals | None:
        """The control totals beside what the run as it stands holds. Raises ControlTotalMismatch."""
        found = standing["found_total"] if standing else measured.total if measured else None
        totals = self.totals(found, measured.unread_amounts if measured else 0)
        if totals is not None:
            unread = measured.unread_lines if measured else ()
            totals.require(self.delivery.filename, unread, published=_published(standing))
        return totals

    def totals(self, found: Any, unread: int) -> ControlTotals | None:
        """What is expected beside what was found; None when nothing is expected."""
        return ControlTotals.of(self.expected, self.delivery.scan.records, found, unread)

    def _profile(self, conn: psycopg.Connection[Any], run_id: UUID) -> Profile | None:
        """The run's own profile; None where chunks of it were landed without."""
        row = profiles.profile_of_run(conn, run_id)
        return _profile_of(row) if row and row["records"] == self.delivery.scan.records else None

    def _record(self, conn: psycopg.Connection[Any], lease: Lease, found: tuple[Drift, ...]) -> tuple[Drift, ...]:
        if found:
            profiles.record_drift(conn, lease, [asdict(drift) for drift in found])
        return found

    def _refuse(self, found: tuple[Drift, ...]) -> None:
        if found:
            told = "; ".join(f"{drift.code} {drift.column or ''}".strip() + f": {drift.message}" for drift in found)
            raise Drifted(
                f"{self.delivery.filename}: expected a file like those before it, found {told}; nothing was published;"
                " without --strict it is taken in with a warning",
                [asdict(drift) for drift in found],
            )


def _published(run_of_delivery: Mapping[str, Any] | None) -> UUID | None:
    """The run where it has published its file."""
    if run_of_delivery is None or run_of_delivery["status"] != "completed":
        return None
    run_id: UUID = run_of_delivery["id"]
    return run_id


def _profile_of(row: Mapping[str, Any]) -> Profile:
    return Profile(tuple(row["header"]), tuple(row["filled"]), row["records"], row["rejected"], row["rows_skipped"])
