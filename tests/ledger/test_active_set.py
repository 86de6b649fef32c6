"""Invariant I4 against a model: whatever happens in whatever order, the active set is that of the completed runs."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from ledger_steps import Claim, Connection, active, claim, counts, fail, land, outcomes, reconcile, rollback, run

_files = st.lists(st.sampled_from(["Ada", "Grace", "Mary", "Joan", "Rosa", None]), min_size=1, max_size=5)
_which = st.integers(0, 999)


@dataclass
class ModelRun:
    """What the model knows of a run."""

    batch: str
    records: list[str | None]
    held: Claim
    status: str = "processing"


@dataclass
class Model:
    """Runs by the words of the design; the completed ones in the order of their publication."""

    runs: list[ModelRun] = field(default_factory=list)
    published: list[ModelRun] = field(default_factory=list)

    def owners(self) -> dict[str, tuple[UUID, int]]:
        """Return the record that represents each key: the earliest one published of the completed runs."""
        owners: dict[str, tuple[UUID, int]] = {}
        for completed in self.published:
            for number, name in enumerate(completed.records, 1):
                if name is not None:
                    owners.setdefault(name, (completed.held.run_id, number))
        return owners

    def outcomes(self, of: ModelRun) -> list[str]:
        """Return the outcome of each record of a run."""
        if of.status == "rolled_back":
            return ["rolled_back"] * len(of.records)
        owned = set(self.owners().values())
        return [self._outcome(of, name, (of.held.run_id, number) in owned) for number, name in enumerate(of.records, 1)]

    def _outcome(self, of: ModelRun, name: str | None, owns: bool) -> str:
        if name is None:
            return "failed"
        if of.status != "completed":
            return "pending"
        return "inserted" if owns else "skipped"


class LedgerMachine(RuleBasedStateMachine):
    """Random histories of one source system, which no other example uses."""

    conn: ClassVar[Connection]

    def __init__(self) -> None:
        super().__init__()
        self.system = f"system-{uuid4()}"
        self.model = Model()

    @rule(records=_files)
    def begin(self, records: list[str | None]) -> None:
        """Claim a new delivery and land it."""
        batch = hashlib.sha256(f"{len(self.model.runs)}".encode()).hexdigest()
        self._land(batch, records)

    @rule(records=_files)
    def import_whole(self, records: list[str | None]) -> None:
        """Claim, land and publish a new delivery."""
        self.begin(records)
        self._publish(self.model.runs[-1])

    @rule(which=_which)
    def publish(self, which: int) -> None:
        """Publish a run that somebody holds."""
        if chosen := self._choose(which, "processing"):
            self._publish(chosen)

    @rule(which=_which)
    def end_badly(self, which: int) -> None:
        """Fail a run that somebody holds."""
        if chosen := self._choose(which, "processing"):
            fail(self.conn, chosen.held)
            chosen.status = "failed"

    @rule(which=_which)
    def continue_failed(self, which: int) -> None:
        """Claim a failed run; its chunk is landed already."""
        if chosen := self._choose(which, "failed"):
            again = self._claim(chosen.batch, len(chosen.records))
            assert (again.status, again.run_id) == ("claimed", chosen.held.run_id)
            chosen.held, chosen.status = again, "processing"

    @rule(which=_which)
    def offer_again(self, which: int) -> None:
        """Offer a completed delivery a second time."""
        if chosen := self._choose(which, "completed"):
            answer = self._claim(chosen.batch, len(chosen.records))
            assert (answer.status, answer.run_id) == ("duplicate", chosen.held.run_id)

    @rule(which=_which)
    def undo(self, which: int) -> None:
        """Roll back any run."""
        if chosen := self._choose(which, "processing", "failed", "completed", "rolled_back"):
            affected = 0 if chosen.status == "rolled_back" else len(chosen.records)
            assert rollback(self.conn, chosen.held.run_id) == (True, affected)
            if chosen.status == "completed":
                self.model.published.remove(chosen)
            chosen.status = "rolled_back"

    @rule(which=_which)
    def import_again(self, which: int) -> None:
        """Claim and land a delivery whose runs are all undone."""
        chosen = self._choose(which, "rolled_back")
        if chosen and all(r.status == "rolled_back" for r in self.model.runs if r.batch == chosen.batch):
            self._land(chosen.batch, chosen.records)

    @invariant()
    def ledger_agrees(self) -> None:
        """Active set, outcomes and counts are the model's."""
        assert active(self.conn, self.system) == self.model.owners()
        for known in self.model.runs:
            stored = outcomes(self.conn, known.held.run_id)
            assert stored == self.model.outcomes(known)
            assert run(self.conn, known.held.run_id)["status"] == known.status
            if known.status == "completed":
                of_kind = [stored.count(kind) for kind in ("inserted", "skipped", "failed")]
                assert list(counts(self.conn, known.held.run_id)) == [len(stored), *of_kind]

    def _claim(self, batch: str, expected: int) -> Claim:
        return claim(self.conn, batch, system=self.system, expected=expected)

    def _land(self, batch: str, records: list[str | None]) -> None:
        held = self._claim(batch, len(records))
        assert held.status == "claimed"
        land(self.conn, held, records)
        self.model.runs.append(ModelRun(batch, records, held))

    def _publish(self, chosen: ModelRun) -> None:
        assert reconcile(self.conn, chosen.held.run_id, held=chosen.held)[0]
        chosen.status = "completed"
        self.model.published.append(chosen)

    def _choose(self, which: int, *statuses: str) -> ModelRun | None:
        fitting = [known for known in self.model.runs if known.status in statuses]
        return fitting[which % len(fitting)] if fitting else None


def test_active_set_is_that_of_the_completed_runs(conn: Connection) -> None:
    """After every step of random histories, plaintiffs, outcomes and counts are those of a fresh computation."""
    machine: Any = type("BoundMachine", (LedgerMachine,), {"conn": conn})
    histories = settings(
        max_examples=50, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(machine, settings=histories)
