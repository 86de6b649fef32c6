"""Random histories of a ledger, and what each must leave behind: a model of the active set in plain Python."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st
from ledger_steps import (
    Claim,
    Connection,
    claim,
    counts,
    fail,
    imported,
    land,
    reconcile,
    rollback,
    take_keys_early,
)
from psycopg.rows import namedtuple_row

__all__ = ["Step", "Story", "histories"]

Step = tuple[str, int, int, list[str | None]]

_VERBS = [
    "deliver", "publish", "fail", "go_on", "offer_again", "import_again",
    *["import_whole"] * 6, *["undo"] * 4, *["import_replacing"] * 2, "replace",
]  # fmt: skip
_CHUNKS = 2  # of a delivery; the first of a single record is empty
_records = st.lists(st.sampled_from(["Ada", "Grace", "Mary", "Joan", None]), min_size=1, max_size=5)
_which = st.integers(0, 99)

histories = st.lists(st.tuples(st.sampled_from(_VERBS), _which, _which, _records), min_size=8, max_size=16)


@dataclass(eq=False)
class Run:
    """What the model knows of a run."""

    batch: str
    records: list[str | None]
    held: Claim
    status: str = "processing"
    replaces: "Run | None" = None

    @property
    def run_id(self) -> UUID:
        """The run's id in the ledger."""
        return self.held.run_id


@dataclass
class Model:
    """Runs by the words of the design; the completed ones in the order of their publication."""

    runs: list[Run] = field(default_factory=list)
    published: list[Run] = field(default_factory=list)

    def owners(self) -> dict[tuple[str, str], tuple[UUID, int]]:
        """Return the record that represents each key: the earliest one published of the completed runs."""
        owners: dict[tuple[str, str], tuple[UUID, int]] = {}
        for completed in self.published:
            for number, name in enumerate(completed.records, 1):
                if name is not None:
                    owners.setdefault((completed.held.system, name), (completed.run_id, number))
        return owners

    def outcomes(self) -> dict[UUID, list[str]]:
        """Return the outcome of each record of each run."""
        owned = set(self.owners().values())
        return {
            run.run_id: [
                self._outcome(run, name, (run.run_id, number) in owned) for number, name in enumerate(run.records, 1)
            ]
            for run in self.runs
        }

    def _outcome(self, run: Run, name: str | None, owns: bool) -> str:
        if run.status == "rolled_back":
            return "rolled_back"
        if name is None:
            return "failed"
        if run.status != "completed":
            return "pending"
        return "inserted" if owns else "skipped"


class Story:
    """Plays a history on a ledger and on the model; after each step the ledger must say what the model says.

    Its three source systems are its own: what other stories left in the database does not concern it.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._systems = [f"system-{uuid4()}" for _ in range(3)]
        self._model = Model()

    def play(self, history: list[Step]) -> None:
        """Do every step; one that nothing fits is left out."""
        for verb, first, second, records in history:
            getattr(self, f"_{verb}")(first, second, records)
            self._agree()

    def survivors_agree_with(self, fresh: Connection) -> None:
        """In a database without any history, the surviving files alone give the same active set and counts."""
        run_there = {
            run.run_id: imported(fresh, run.batch, run.records, system=run.held.system) for run in self._model.published
        }
        assert _active(fresh, self._systems) == {
            key: (run_there[run_id], number) for key, (run_id, number) in _active(self._conn, self._systems).items()
        }
        for here, there in run_there.items():
            assert counts(self._conn, here) == counts(fresh, there)

    def _deliver(self, first: int, _: int, records: list[str | None]) -> None:
        # three files in four are of one vendor
        self._land(f"batch-{len(self._model.runs)}", self._systems[max(0, first % 8 - 5)], records)

    def _import_whole(self, first: int, second: int, records: list[str | None]) -> None:
        self._deliver(first, second, records)
        self._complete(self._model.runs[-1])

    def _publish(self, first: int, _: int, __: list[str | None]) -> None:
        if chosen := self._choose(first, "processing"):
            self._complete(chosen)

    def _fail(self, first: int, _: int, __: list[str | None]) -> None:
        if chosen := self._choose(first, "processing"):
            fail(self._conn, chosen.held)
            chosen.status = "failed"

    def _go_on(self, first: int, _: int, __: list[str | None]) -> None:
        if chosen := self._choose(first, "failed"):
            again = self._claim(chosen.batch, chosen.held.system, chosen.records)
            assert (again.status, again.run_id) == ("claimed", chosen.run_id)
            chosen.held, chosen.status = again, "processing"

    def _offer_again(self, first: int, _: int, __: list[str | None]) -> None:
        if chosen := self._choose(first, "completed"):
            answer = self._claim(chosen.batch, chosen.held.system, chosen.records)
            assert (answer.status, answer.run_id) == ("duplicate", chosen.run_id)

    def _import_again(self, first: int, _: int, __: list[str | None]) -> None:
        undone = self._choose(first, "rolled_back")
        if undone and all(run.status == "rolled_back" for run in self._model.runs if run.batch == undone.batch):
            self._land(undone.batch, undone.held.system, undone.records)
            self._complete(self._model.runs[-1])

    def _undo(self, first: int, _: int, __: list[str | None]) -> None:
        chosen = self._choose(first, "processing", "failed", "completed", "completed", "rolled_back")
        if not chosen:
            return
        preview = self._conn.execute(
            "select rows_affected, rows_gone, rows_passed, heirs from ingest.preview_rollback(%s)", [chosen.run_id]
        ).fetchone()
        was_active, had = _active(self._conn, self._systems), self._completed_counts()
        affected = 0 if chosen.status == "rolled_back" else len(chosen.records)
        assert rollback(self._conn, chosen.run_id) == (True, affected)
        self._take_out(chosen)

        gone = was_active.keys() - _active(self._conn, self._systems).keys()
        now = self._completed_counts()
        corrected = {run_id: (had[run_id], now[run_id]) for run_id in now if had[run_id] != now[run_id]}
        passed = sum(after[1] - before[1] for before, after in corrected.values())
        assert preview is not None
        assert preview[:3] == (affected, len(gone), passed)
        assert {UUID(heir["run_id"]): _announced(heir) for heir in preview[3]} == {
            run_id: (after[1] - before[1], (before[1], after[1]), (before[2], after[2]))
            for run_id, (before, after) in corrected.items()
        }

    def _import_replacing(self, first: int, _: int, records: list[str | None]) -> None:
        if old := self._choose(first, "completed"):
            self._land(f"batch-{len(self._model.runs)}", old.held.system, records)
            self._complete(self._model.runs[-1], replaces=old)

    def _replace(self, first: int, second: int, _: list[str | None]) -> None:
        old = self._choose(first, "completed")
        new = self._choose(second, "processing", "completed")
        if old and new and new.replaces is None and old.batch != new.batch and old.held.system == new.held.system:
            self._complete(new, replaces=old)

    def _land(self, batch: str, system: str, records: list[str | None]) -> None:
        held = self._claim(batch, system, records)
        assert held.status == "claimed"
        half = len(records) // 2
        land(self._conn, held, records[:half])
        land(self._conn, held, records[half:], chunk=1, first_row=half + 1)
        self._model.runs.append(Run(batch, records, held))

    def _complete(self, run: Run, replaces: Run | None = None) -> None:
        with self._conn.transaction():
            if run.status == "processing" and len(self._model.published) % 2:
                assert take_keys_early(self._conn, run.held) == _CHUNKS
            assert reconcile(self._conn, run.run_id, held=run.held, replaces=replaces and replaces.run_id)[0]
        if replaces:
            run.replaces = replaces
            self._take_out(replaces)
        if run.status != "completed":
            run.status = "completed"
            self._model.published.append(run)

    def _take_out(self, run: Run) -> None:
        if run.status == "completed":
            self._model.published.remove(run)
        run.status = "rolled_back"

    def _claim(self, batch: str, system: str, records: list[str | None]) -> Claim:
        return claim(self._conn, batch, system=system, expected=len(records))

    def _choose(self, which: int, *statuses: str) -> Run | None:
        fitting = [run for run in self._model.runs if run.status in statuses]
        return fitting[which % len(fitting)] if fitting else None

    def _completed_counts(self) -> dict[UUID, tuple[int, int, int, int]]:
        return {run.run_id: counts(self._conn, run.run_id) for run in self._model.published}

    def _agree(self) -> None:
        assert _active(self._conn, self._systems) == self._model.owners()
        outcomes = self._model.outcomes()
        stored = _runs(self._conn, self._systems)
        assert {run.id: run.outcomes for run in stored} == outcomes
        assert {run.id: run.status for run in stored} == {run.run_id: run.status for run in self._model.runs}
        for run in stored:
            if run.status == "completed":
                of_kind = [run.outcomes.count(kind) for kind in ("inserted", "skipped", "failed")]
                assert run.counts == [len(run.outcomes), *of_kind]


def _announced(heir: dict[str, Any]) -> tuple[int, tuple[int, int], tuple[int, int]]:
    return (
        heir["records"],
        (heir["rows_inserted"], heir["rows_inserted_after"]),
        (heir["rows_skipped"], heir["rows_skipped_after"]),
    )


def _active(conn: Connection, systems: list[str]) -> dict[tuple[str, str], tuple[UUID, int]]:
    rows = conn.execute(
        """
        select source_system, plaintiff_name, import_run_id, row_number
        from ingest.v_plaintiffs
        where source_system = any(%s)
        """,
        [systems],
    ).fetchall()
    active = {(system, name): (run_id, number) for system, name, run_id, number in rows}
    assert len(active) == len(rows)
    return active


def _runs(conn: Connection, systems: list[str]) -> list[Any]:
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            """
            select
                r.id,
                r.status::text as status,
                array[r.rows_fetched, r.rows_inserted, r.rows_skipped, r.rows_errored] as counts,
                array(
                    select p.status from ingest.plaintiffs_raw as p where p.import_run_id = r.id order by p.row_number
                ) as outcomes
            from ingest.import_runs as r
            where r.source_system = any(%s)
            """,
            [systems],
        ).fetchall()
