"""Workers that claim, land, fall asleep, come back and repeat themselves, held against a model after every step."""

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid5

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from import_process import comes_true
from ledger_model import Delivery, Event, Hand, Model, Run
from outcome import VIOLATIONS
from sleeping import SleepingLanding

from plaintiff_moat.errors import DatabaseAway
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.landing import land
from plaintiff_moat.ledger.leases import Lease
from plaintiff_moat.rows.columns import LANDING_COLUMNS
from plaintiff_moat.source.records import Chunk

_T = TypeVar("_T")

_NAMESPACE = UUID("5f0c4c6c-8c59-4d0e-9f53-3c9a4f3b7a10")

_STATE = """
    select
        r.id, r.status::text, r.attempt, r.worker_id, r.identity_required, r.ended_attempt, r.publish_seq,
        r.rows_fetched, r.rows_inserted, r.rows_skipped, r.rows_errored,
        r.updated_at < clock_timestamp() - s.stale_after as is_stale,
        array(select array[c.chunk_no, c.attempt] from ingest.landed_chunks as c
            where c.import_run_id = r.id order by c.chunk_no) as chunks,
        array(select array[l.row_number::text, l.plaintiff_name] from ingest.landed_rows as l
            where l.run_no = r.run_no order by l.row_number) as rows,
        array(select array[e.event, e.worker_id, e.attempt::text, e.details ->> 'attempt'] from ingest.run_events as e
            where e.import_run_id = r.id order by e.seq) as events,
        array(select p.row_number from ingest.v_plaintiffs as p where p.import_run_id = r.id order by 1) as active
    from ingest.import_runs as r, ingest.settings as s
"""
_BROKEN_INVARIANTS = " union all ".join(
    f"select '{sentence}', to_jsonb(v{number}) from ({statement}) as v{number}"
    for number, (sentence, statement) in enumerate(VIOLATIONS.items())
)
_TABLES = (
    "import_runs", "landed_rows", "landed_chunks", "plaintiff_keys", "run_events", "event_heads", "source_systems",
)  # fmt: skip

_names = st.sampled_from(["Ada", "Grace", "Mary", "Joan", None])
_files = st.lists(st.lists(_names, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple)
_workers = st.sampled_from(["w1", "w2", "w3"])
_fingerprints = st.sampled_from(["f1"] * 7 + ["f2"])
_which = st.integers(0, 7)


@cache
def _chunk(delivery: Delivery, number: int) -> tuple[Chunk, pl.DataFrame]:
    """A chunk as it is announced, and its rows."""
    first, names = delivery.first_row(number), delivery.chunks[number]
    chunk = Chunk(
        number=number,
        start=number * 1000,
        end=number * 1000 + 1000,
        first_row=first,
        records=len(names),
        first_line=first + 1,
        text_start=number * 1000,
        digest=f"{number:064}",
        damage=(),
    )
    rows: list[dict[str, Any]] = []
    for row, name in enumerate(names, first):
        key = None if name is None else uuid5(_NAMESPACE, f"{delivery.source_system}/{name}").hex
        reject = {"error_code": "MISSING_NAME", "raw_payload": "{}"} if name is None else {}
        place = {"row_number": row, "line_start": row + 1, "line_end": row + 1}
        rows.append(dict.fromkeys(LANDING_COLUMNS) | place | reject | {"plaintiff_name": name, "dedupe_key": key})
    return chunk, pl.DataFrame(rows, infer_schema_length=None)


def _one_of(candidates: list[_T], which: int) -> _T:
    """One of them, the latest for the smallest number."""
    return candidates[-1 - which % len(candidates)]


class Workers(RuleBasedStateMachine):
    """Random histories of an empty ledger: two vendors, four files, three workers, and every lease ever granted."""

    db_url: ClassVar[str]
    conn: ClassVar[psycopg.Connection]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.ids: list[UUID] = []
        self.hands: list[Hand] = []
        self.asleep: list[tuple[Hand, int, SleepingLanding]] = []

    @initialize(files=st.lists(_files, min_size=4, max_size=4))
    def deliver(self, files: list[tuple[tuple[str | None, ...], ...]]) -> None:
        """Draw the files."""
        self.deliveries = [
            Delivery(f"vendor-{number % 2}", f"batch-{number}", chunks) for number, chunks in enumerate(files)
        ]

    @rule(which=st.integers(0, 3), worker=_workers, fingerprint=_fingerprints)
    def claim(self, which: int, worker: str, fingerprint: str) -> None:
        """Claim a file; a takeover ends the sessions that sleep on it."""
        delivery = self.deliveries[which]
        client = IngestClaimClient(self.conn, worker)
        status, run = self.model.claim(delivery, worker, fingerprint)
        answer = client.claim(
            delivery.source_system,
            delivery.batch,
            delivery.file_hash,
            reader_fingerprint=fingerprint,
            expected_count=len(delivery.records),
        )
        assert (answer.status, answer.attempt) == (status, run.attempt)
        assert answer.run_id is not None
        if len(self.ids) < len(self.model.runs):
            self.ids.append(answer.run_id)
        assert answer.run_id == self._id(run)
        if status == "claimed":
            self.hands.append(Hand(run, worker, run.attempt))
            for hand, _, landing in self.asleep:
                landing.is_ended |= hand.run is run and hand.attempt != run.attempt

    @rule(which=st.integers(0, 3), worker=_workers)
    def import_whole(self, which: int, worker: str) -> None:
        """Claim a file and do all that follows."""
        before = len(self.hands)
        self.claim(which, worker, "f1")
        if len(self.hands) > before:
            self._land_all(self.hands[-1])
            self._reconcile(self.hands[-1], None)

    @precondition(lambda self: self.hands)
    @rule(which=_which, chunk=st.integers(0, 2))
    def land(self, which: int, chunk: int) -> None:
        """Land a chunk, perhaps for the second time."""
        hand = self._hand(which)
        number = chunk % len(hand.run.delivery.chunks)
        if not self._is_being_landed(hand.run, number):
            self._agree(self.model.land(hand, number), lambda: self._land(self.conn, hand, number))

    @precondition(lambda self: self.hands)
    @rule(which=_which)
    def land_all(self, which: int) -> None:
        """Land every chunk that nobody else is landing."""
        self._land_all(self._hand(which))

    @precondition(lambda self: not self.asleep and any(hand.holds and not hand.run.is_whole for hand in self.hands))
    @rule(which=_which)
    def fall_asleep_landing(self, which: int) -> None:
        """Announce a chunk and fall asleep before its rows are copied."""
        hand = _one_of([hand for hand in self.hands if hand.holds and not hand.run.is_whole], which)
        number = max({*range(len(hand.run.delivery.chunks))} - hand.run.landed.keys())
        landing = SleepingLanding(self.db_url, lambda conn: self._land(conn, hand, number))
        self.asleep.append((hand, number, landing))
        waits = "select from pg_stat_activity where pid = %s and wait_event = 'ClientRead'"
        assert comes_true(lambda: self.conn.execute(waits, (landing.pid,)).rowcount == 1)

    @precondition(lambda self: self.asleep)
    @rule()
    def wake_up(self) -> None:
        """Go on landing; whose session was ended tries again on another."""
        hand, number, landing = self.asleep.pop()
        fault = landing.wake_up()
        if landing.is_ended:
            assert isinstance(fault, DatabaseAway)
            self._agree(self.model.land(hand, number), lambda: self._land(self.conn, hand, number))
        else:
            expected = self.model.land(hand, number)
            assert (fault and type(fault)) is expected

    @precondition(lambda self: self.hands)
    @rule(which=_which)
    def heartbeat(self, which: int) -> None:
        """Give a sign of life."""
        hand = self._hand(which)
        self._agree(self.model.heartbeat(hand), lambda: self._client(hand).heartbeat(self._id(hand.run)))

    @precondition(lambda self: self.hands)
    @rule(which=_which, expected=st.sampled_from([None, None, None, 0, 1]))
    def reconcile(self, which: int, expected: int | None) -> None:
        """Recount, as the holder or as one who was."""
        self._reconcile(self._hand(which), expected)

    @precondition(lambda self: self.hands)
    @rule(which=_which, kind=st.sampled_from(["right", "right", "wrong", "fatal", "progress"]))
    def finalize(self, which: int, kind: str) -> None:
        """Report the end, or progress."""
        self._finalize(self._hand(which), kind)

    @precondition(lambda self: self.model.runs)
    @rule(which=_which, kind=st.sampled_from(["heartbeat", "reconcile", "right", "fatal"]))
    def anonymous(self, which: int, kind: str) -> None:
        """Call as the runbook's bare SQL does."""
        hand = Hand(_one_of(self.model.runs, which))
        if kind == "heartbeat":
            self._agree(self.model.heartbeat(hand), lambda: self._client(hand).heartbeat(self._id(hand.run)))
        elif kind == "reconcile":
            self._reconcile(hand, None)
        else:
            self._finalize(hand, kind)

    @precondition(lambda self: self.model.runs)
    @rule(which=_which)
    def rollback(self, which: int) -> None:
        """Undo a run."""
        run = _one_of(self.model.runs, which)
        expected = self.model.rollback(run)
        undone = IngestClaimClient(self.conn).rollback(self._id(run), "a test")
        assert (undone.success, undone.rows_affected) == expected

    @precondition(lambda self: any(run.status == "processing" for run in self.model.runs))
    @rule(which=_which)
    def abort(self, which: int) -> None:
        """End a run by hand."""
        run = _one_of([run for run in self.model.runs if run.status == "processing"], which)
        self.model.abort(run)
        self.conn.execute(
            """update ingest.import_runs set status = 'failed', error_details = '{"manual_abort": true}'
            where id = %s""",
            (self._id(run),),
        )

    @precondition(lambda self: any(run.status == "processing" for run in self.model.runs))
    @rule(which=_which)
    def age(self, which: int) -> None:
        """Let 31 minutes pass without a sign of life."""
        run = _one_of([run for run in self.model.runs if run.status == "processing"], which)
        run.is_stale = True
        self.conn.execute(
            "update ingest.import_runs set updated_at = clock_timestamp() - interval '31 minutes' where id = %s",
            (self._id(run),),
        )

    @invariant()
    def database_agrees(self) -> None:
        """I1 to I6 hold over the whole database, and every run is as the model has it."""
        assert self.conn.execute(_BROKEN_INVARIANTS).fetchall() == []
        with self.conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            stored = {row.pop("id"): row for row in cursor.execute(_STATE)}
        active, counts = self.model.active(), self.model.counts()
        expected = {
            self.ids[index]: self._expected(
                run, counts.get(index), [row for owner, row in active.values() if owner == index]
            )
            for index, run in enumerate(self.model.runs)
        }
        for row in stored.values():
            reported = tuple(row.pop(f"rows_{kind}") for kind in ("fetched", "inserted", "skipped", "errored"))
            row["counts"] = reported if row["status"] == "completed" else None
            row["is_stale"] &= row["status"] == "processing"
            row["events"] = [
                Event(event, worker, int(attempt), refused and int(refused))
                for event, worker, attempt, refused in row["events"]
            ]
        assert stored == expected

    def teardown(self) -> None:
        """Wake whoever sleeps, and empty the ledger, which nobody but its owner can."""
        for _, _, landing in self.asleep:
            landing.wake_up()
        unguarded = [f"alter table ingest.{table} {{}} trigger user" for table in _TABLES]
        with self.conn.transaction():
            self.conn.execute("; ".join(line.format("disable") for line in unguarded), prepare=False)
            self.conn.execute(f"truncate {', '.join(f'ingest.{table}' for table in _TABLES)}")
            self.conn.execute("; ".join(line.format("enable") for line in unguarded), prepare=False)

    def _hand(self, which: int) -> Hand:
        # what is still undecided is where a zombie can do harm
        return _one_of(sorted(self.hands, key=lambda hand: hand.run.status == "processing"), which)

    def _id(self, run: Run) -> UUID:
        return next(run_id for run_id, known in zip(self.ids, self.model.runs, strict=False) if known is run)

    def _lease(self, hand: Hand) -> Lease | None:
        if hand.worker is None or hand.attempt is None:
            return None
        run_id = self._id(hand.run)
        (run_no,) = self.conn.execute("select ingest._run_no(%s)", [run_id]).fetchone()
        return Lease(run_id, run_no, hand.attempt, hand.worker)

    def _client(self, hand: Hand) -> IngestClaimClient:
        return IngestClaimClient(self.conn, lease=self._lease(hand))

    def _is_being_landed(self, run: Run, chunk: int) -> bool:
        return any(
            hand.run is run and number == chunk and not landing.is_ended for hand, number, landing in self.asleep
        )

    def _land(self, conn: psycopg.Connection, hand: Hand, chunk: int) -> None:
        lease = self._lease(hand)
        assert lease is not None
        land(conn, lease, *_chunk(hand.run.delivery, chunk))

    def _land_all(self, hand: Hand) -> None:
        for number in range(len(hand.run.delivery.chunks)):
            if not self._is_being_landed(hand.run, number):
                self._agree(self.model.land(hand, number), lambda number=number: self._land(self.conn, hand, number))

    def _reconcile(self, hand: Hand, expected: int | None) -> None:
        def reconcile() -> tuple[bool, int, int, int]:
            answer = self._client(hand).reconcile(self._id(hand.run), expected)
            return answer.is_valid, answer.expected_count, answer.actual_count, answer.delta

        self._agree(self.model.reconcile(hand, expected), reconcile)

    def _finalize(self, hand: Hand, kind: str) -> None:
        records = hand.run.delivery.records
        errored, more = records.count(None), int(kind == "wrong")
        expected = {
            "right": lambda: self.model.finalize(hand, is_right=True),
            "wrong": lambda: self.model.finalize(hand, is_right=False),
            "fatal": lambda: self.model.fail(hand),
            "progress": lambda: self.model.progress(hand),
        }[kind]()
        self._agree(
            expected,
            lambda: self._client(hand).finalize(
                self._id(hand.run),
                len(records) + more,
                len(records) - errored + more,
                0,
                errored,
                {"fatal": True, "code": "TEST"} if kind == "fatal" else None,
                mark_completed=kind != "progress",
            ),
        )

    def _agree(self, expected: object, call: Callable[[], object]) -> None:
        if isinstance(expected, type):
            with pytest.raises(expected):
                call()
        else:
            assert call() == expected

    def _expected(self, run: Run, counts: tuple[int, int, int, int] | None, active: list[int]) -> dict[str, object]:
        landed = [
            [str(run.delivery.first_row(chunk) + place), name]
            for chunk in sorted(run.landed)
            for place, name in enumerate(run.delivery.chunks[chunk])
        ]
        return {
            "status": run.status,
            "attempt": run.attempt,
            "worker_id": run.worker,
            "identity_required": run.identity_required,
            "ended_attempt": run.ended_attempt,
            "publish_seq": run.publish_seq,
            "counts": counts,
            "is_stale": run.is_stale and run.status == "processing",
            "chunks": [list(chunk) for chunk in sorted(run.landed.items())],
            "rows": landed,
            "events": run.events,
            "active": sorted(active),
        }


def _run_histories(db_url: str, shard: int, histories: int, steps: int) -> None:
    with psycopg.connect(db_url, autocommit=True, prepare_threshold=0) as conn:
        machine: Any = seed(shard)(type("Workers", (Workers,), {"db_url": db_url, "conn": conn}))
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_workers_behave_as_the_model(db_url: str) -> None:
    """20 histories of up to 20 steps."""
    _run_histories(db_url, 0, 20, 20)


@pytest.mark.faults
@pytest.mark.parametrize("shard", range(1, 9))
def test_2000_histories_of_workers_behave_as_the_model(shard: int, db_url: str) -> None:
    """2,000 histories of up to 50 steps."""
    _run_histories(db_url, shard, 250, 50)
