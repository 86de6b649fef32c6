"""What becomes of a file: how far its import is, and at its end the counts, the first rejects, the warnings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from plaintiff_moat.drift import Drift
from plaintiff_moat.expected import ControlTotals
from plaintiff_moat.naming import Named

if TYPE_CHECKING:
    import polars as pl

    from plaintiff_moat.delivery import Delivery
    from plaintiff_moat.ledger.rejects import Replayed
    from plaintiff_moat.rows.measure import Measure
    from plaintiff_moat.source.dialect import Dialect

__all__ = ["ImportSummary", "Progress", "Reject", "Tally", "most_first"]

FIRST_REJECTS = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: `done` of `total` records have been landed."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is not taken in: its physical lines, the stable code, and the rule that it broke, never a value."""

    row_number: int
    line_start: int
    line_end: int
    error_code: str
    error_message: str


@dataclass(slots=True)
class Tally:
    """Counts over prepared rows: records, rejects by code (the first of them whole) and warnings by code."""

    records: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    first_rejects: list[Reject] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)
    measured: "Measure | None" = None

    @classmethod
    def of(cls, rows: "pl.DataFrame", measured: "Measure | None" = None) -> "Tally":
        """The tally of one chunk."""
        rejected = rows.filter(rows.get_column("error_code").is_not_null())
        first = rejected.head(FIRST_REJECTS).select(
            "row_number", "line_start", "line_end", "error_code", "error_message"
        )
        doubtful = rows.get_column("warnings").drop_nulls().str.strip_chars("{}")
        return cls(
            records=rows.height,
            rejects=_counted(rejected.get_column("error_code")),
            first_rejects=[Reject(*values) for values in first.iter_rows()],
            warnings=_counted(doubtful.str.split(",").explode()),
            measured=measured,
        )

    def add(self, other: "Tally") -> None:
        """Takes another chunk's tally in, in whatever order the chunks come."""
        self.records += other.records
        self.rejects += other.rejects
        self.warnings += other.warnings
        if other.measured is not None:
            self.measured = other.measured if self.measured is None else self.measured + other.measured
        self.first_rejects = sorted(self.first_rejects + other.first_rejects, key=lambda reject: reject.row_number)[
            :FIRST_REJECTS
        ]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of a file, or with `dry_run` what would become of it.

    `claim_status` is claimed, duplicate or in_progress; `status` is the run's (None where there is no run). Counts are
    of records; `seconds` is wall-clock time. `container` names what the file's text was taken out of, and is None for a
    plain file. `dialect` is how the text is written, `header_line` the physical line of its header: what stands before
    it is no record. `unmapped` names the columns that go to `extra`; `outdone` those of them whose place another column
    has, and which. None of the four is told of a duplicate, which need not be read, but with `is_mapped_otherwise` that
    its run was landed under another mapping. `rejects` and `warnings` (code -> records) and `first_rejects` tell of the
    records that this call has read. `replaces` is the run that was undone in its favour; `other_delivery` the completed
    run of the same batch with other bytes, if any; `predecessor` the run of the same bytes that was undone last,
    `predecessor_undone` why. An `attempt` above 1 continued a run of which earlier attempts had landed
    `landed_before` records. `replays` is the run whose rejects the records stand for, `replayed` how many of those
    are fixed now, or would be; both are None for any other file. `total_amount` is the sum of all amounts of the
    file, duplicates and rejects included, `control_totals` what was expected of it beside what was found, and
    `drift` how it differs from those before it.
    """

    filename: str
    container: str | None
    source_system: str
    batch_id: str
    mapping: str
    is_mapped_otherwise: bool
    file_hash: str
    dry_run: bool
    run_id: UUID | None
    claim_status: str
    status: str | None
    rows_fetched: int
    rows_inserted: int
    rows_skipped: int
    rows_errored: int
    seconds: float
    dialect: "Dialect | None"
    header_line: int | None
    unmapped: tuple[str, ...]
    outdone: dict[str, str]
    rejects: dict[str, int]
    first_rejects: tuple[Reject, ...]
    warnings: dict[str, int]
    replaces: UUID | None
    other_delivery: UUID | None
    predecessor: UUID | None
    predecessor_undone: str | None
    attempt: int | None
    landed_before: int
    replays: UUID | None
    replayed: "Replayed | None"
    total_amount: Decimal | None
    control_totals: ControlTotals | None
    drift: tuple[Drift, ...]

    @classmethod
    def of_run(
        cls,
        delivery: "Delivery",
        claim_status: str,
        run: Mapping[str, Any] | None,
        tally: Tally,
        *,
        is_mapped_otherwise: bool,
        beside: Mapping[str, Any],
        control_totals: ControlTotals | None,
        drift: tuple[Drift, ...],
        replayed: "Replayed | None",
        dry_run: bool,
        seconds: float,
    ) -> "ImportSummary":
        """The summary of a delivery whose counts are those of `run`, a row of view `v_runs`.

        `beside` is what `beside_delivery` says.
        """
        counts = run or {}
        takes_in = claim_status == "claimed" and not dry_run
        return cls(
            filename=delivery.filename,
            container=delivery.container,
            source_system=delivery.source_system,
            batch_id=delivery.batch_id,
            mapping=delivery.mapping.mapping.name,
            is_mapped_otherwise=is_mapped_otherwise,
            file_hash=delivery.scan.file_hash,
            dry_run=dry_run,
            run_id=counts.get("id"),
            claim_status=claim_status,
            status=counts.get("status"),
            rows_fetched=counts.get("rows_fetched", 0),
            rows_inserted=counts.get("rows_inserted", 0),
            rows_skipped=counts.get("rows_skipped", 0),
            rows_errored=counts.get("rows_errored", 0),
            seconds=round(seconds, 3),
            dialect=None if claim_status == "duplicate" else delivery.scan.dialect,
            header_line=None if claim_status == "duplicate" else delivery.scan.header_line,
            unmapped=() if claim_status == "duplicate" else delivery.mapping.unmapped(delivery.header),
            outdone={} if claim_status == "duplicate" else delivery.mapping.outdone(delivery.header),
            rejects=most_first(tally.rejects),
            first_rejects=tuple(tally.first_rejects),
            warnings=most_first(tally.warnings),
            replaces=counts.get("replaces"),
            other_delivery=beside["other_delivery"],
            predecessor=beside["predecessor"],
            predecessor_undone=beside["predecessor_undone"],
            attempt=counts.get("attempt"),
            landed_before=counts.get("rows_fetched", 0) - tally.records if takes_in else 0,
            replays=counts.get("replays"),
            replayed=replayed,
            total_amount=counts.get("found_total"),
            control_totals=control_totals,
            drift=drift,
        )

    @classmethod
    def of_duplicate(
        cls, named: Named, run: Mapping[str, Any], *, mapping: str, beside: Mapping[str, Any], seconds: float
    ) -> "ImportSummary":
        """The summary of a delivery that `run` has completed: the one that its claim would lead to."""
        return cls(
            filename=named.filename,
            container=None,
            source_system=named.source_system,
            batch_id=named.batch_id,
            mapping=mapping,
            is_mapped_otherwise=False,
            file_hash=run["file_hash"],
            dry_run=False,
            run_id=run["id"],
            claim_status="duplicate",
            status=run["status"],
            rows_fetched=run["rows_fetched"],
            rows_inserted=run["rows_inserted"],
            rows_skipped=run["rows_skipped"],
            rows_errored=run["rows_errored"],
            seconds=round(seconds, 3),
            dialect=None,
            header_line=None,
            unmapped=(),
            outdone={},
            rejects={},
            first_rejects=(),
            warnings={},
            replaces=run["replaces"],
            replays=run["replays"],
            replayed=None,
            other_delivery=beside["other_delivery"],
            predecessor=beside["predecessor"],
            predecessor_undone=beside["predecessor_undone"],
            attempt=run["attempt"],
            landed_before=0,
            total_amount=run["found_total"],
            control_totals=None,
            drift=(),
        )


def _counted(codes: "pl.Series") -> Counter[str]:
    return Counter(dict(codes.value_counts(name="records").iter_rows()))


def most_first(counts: Counter[str]) -> dict[str, int]:
    """The codes with the most records first, those with as many by name."""
    return dict(sorted(counts.items(), key=lambda told: (-told[1], told[0])))
