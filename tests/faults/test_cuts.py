"""The connection is cut at a message: at each one of an import and of a rollback, the request lost or the answer.

Nobody does anything about it, and in the end the ledger holds what it holds when nothing was cut.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from outcome import Outcome, broken_invariants, outcome, unfinished_runs
from proxy import Direction, Message, Proxy

from plaintiff_moat.cli.main import moat
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.heartbeat import Heartbeat
from plaintiff_moat.redaction import describe_error

Figures = Callable[[str, object], None]
NewDatabase = Callable[[str], str]

_PARTS = 8  # tests that share all messages among them: none has more than a few dozen databases at a time
_PATIENCE = 20.0
_STRIDE = 17  # in the ordinary suite; prime to whatever repeats


@dataclass(frozen=True)
class Story:
    """Something that is done through a connection that may be cut, on clones of a database, and its uncut course."""

    act: Callable[[str], object]
    begin: Callable[[], str]
    messages: list[Message]
    connections: int
    outcome: Outcome

    @classmethod
    def of(cls, act: Callable[[str], object], begin: Callable[[], str]) -> "Story":
        """The story as it goes when nothing is cut."""
        url = begin()
        with Proxy(url) as proxy:
            act(proxy.url)
        return cls(act, begin, proxy.seen, proxy.connections, _sound_outcome(url))

    def sample(self) -> list[tuple[Direction, int]]:
        """Every commit, lost on its way to the server or acknowledged in vain, and others at even distances."""
        commits = {(message.direction, message.number) for message in self.messages if b"COMMIT" in message.body}
        return sorted(commits.union(self.every()[::_STRIDE]), key=self.every().index)

    def every(self) -> list[tuple[Direction, int]]:
        """A cut at each message, requests first."""
        return sorted(
            ((message.direction, message.number) for message in self.messages),
            key=lambda cut: (cut[0] is Direction.BACKEND, cut[1]),
        )

    def survives(self, cuts: Sequence[tuple[Direction, int]], figures: Figures) -> None:
        """Assert of each cut that it happened, that nobody noticed, and that the ledger is the uncut one."""
        made = retried = 0
        failures: dict[str, object] = {}
        for cut in cuts:
            url = self.begin()
            with Proxy(url, cut) as proxy:
                try:
                    self.act(proxy.url)
                except Exception as fault:  # noqa: BLE001 - all cuts are tried, and those that fail are told together
                    failures[_named(proxy, cut)] = f"{type(fault).__name__}: {describe_error(fault)}: {fault}"
            made += len(proxy.cuts) == 1
            retried += proxy.connections > self.connections
            try:
                assert _sound_outcome(url) == self.outcome
            except AssertionError as difference:
                failures.setdefault(_named(proxy, cut), difference)
        figures("cuts", made)
        figures("cuts that led to another connection", retried)
        assert failures == {}
        assert made == len(cuts)


def _named(proxy: Proxy, cut: tuple[Direction, int]) -> str:
    kinds = "".join(message.kind[0] for message in proxy.seen if message.direction is cut[0])
    return f"{cut[0].value} {cut[1]}: {kinds[: cut[1] - 1]}[{kinds[cut[1] - 1 : cut[1]]}]"


def _sound_outcome(url: str) -> Outcome:
    with psycopg.connect(url, autocommit=True) as conn:
        assert broken_invariants(conn) == {}
        assert unfinished_runs(conn) == []
        return outcome(conn)


@pytest.fixture
def importing(
    new_database: NewDatabase,
    template: str,
    csv_file: Callable[..., Path],
    small_chunks: None,  # noqa: ARG001 - for its effect
) -> Story:
    """An import of three chunks: valid records, one of them twice, and a reject."""
    path = csv_file("a.csv", [f"P{number}" for number in (1, 2, 3, 4, 5, 6, 1, 7, 8, 9)], "a line,too short")
    act = partial(_import, path)
    story = Story.of(act, partial(new_database, template))
    assert len(story.outcome["landed_chunks"]) == 3
    return story


@pytest.fixture
def undoing(
    new_database: NewDatabase,
    template: str,
    csv_file: Callable[..., Path],
    small_chunks: None,  # noqa: ARG001 - for its effect
) -> Story:
    """The rollback of a run that shares records with two later ones."""
    before = new_database(template)
    run_id = _import(csv_file("a.csv", ["P1", "P2", "P3", "P4", "P5", "P6"]), before)
    _import(csv_file("b.csv", ["P1", "P2", "P7"]), before)
    _import(csv_file("c.csv", ["P2", "P3", "P7", "P8"]), before)
    name = psycopg.conninfo.conninfo_to_dict(before)["dbname"]
    story = Story.of(partial(_roll_back, run_id), partial(new_database, str(name)))
    assert len(story.outcome["plaintiff_keys"]) == 8
    return story


@pytest.fixture
def interrupting(new_database: NewDatabase, template: str, csv_file: Callable[..., Path]) -> Story:
    """An import of one chunk that is interrupted when that is landed."""
    path = csv_file("a.csv", ["P1", "P2", "P3"])
    story = Story.of(partial(_interrupt, path), partial(new_database, template))
    assert '"status": "failed"' in story.outcome["import_runs"][0]
    assert len(story.outcome["landed_rows"]) == 3
    return story


def _interrupt(path: Path, url: str) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, Database(url, embedded=False), workers=1, on_progress=interrupt)


def _import(path: Path, url: str) -> str:
    # one worker: then the messages come in one order, and each number is a message that certainly comes
    summary = import_file(path, Database(url, embedded=False), source_system="simplicity", workers=1)
    assert (summary.status, summary.claim_status) == ("completed", "claimed")
    return str(summary.run_id)


def _roll_back(run_id: str, url: str) -> None:
    arguments = ["rollback", run_id, "--reason", "bad file", "--json", "--db", url]
    answer = CliRunner().invoke(moat, arguments, standalone_mode=False, catch_exceptions=False)
    assert json.loads(answer.stdout)["rows_affected"] == 6


def test_an_import_survives_a_cut(importing: Story, record_property: Figures) -> None:
    """Wherever its connection is cut, the import goes on by itself and ends as if nothing had happened."""
    importing.survives(importing.sample(), record_property)


def test_a_rollback_survives_a_cut(undoing: Story, record_property: Figures) -> None:
    """Wherever its connection is cut, the rollback ends as if nothing had happened, and undoes once."""
    undoing.survives(undoing.sample(), record_property)


def test_an_interruption_is_reported_over_a_cut(interrupting: Story, record_property: Figures) -> None:
    """An interrupted import leaves its run failed wherever its connection is cut: nobody waits for the lease."""
    interrupting.survives(interrupting.sample(), record_property)


def test_a_heartbeat_survives_every_cut(conn: psycopg.Connection, db_url: str) -> None:
    """Whichever message of a beat is lost, the next beat keeps the lease alive."""
    client = IngestClaimClient(conn)
    lease = client.lease(client.claim("simplicity", "batch", "hash").run_id)

    def beats_until(proxy: Proxy, condition: Callable[[], bool]) -> None:
        with Heartbeat(Database(proxy.url, embedded=False), lease, interval=0.01) as heartbeat:
            deadline = time.monotonic() + _PATIENCE
            while not condition():
                assert time.monotonic() < deadline, f"the heart stopped after {proxy.cuts}"
                heartbeat.progress()
                time.sleep(0.01)

    def last_sign_of_life() -> object:
        return conn.execute("select updated_at from ingest.import_runs").fetchone()

    with Proxy(db_url) as proxy:
        beats_until(proxy, lambda: proxy.connections == 2)
    first_beat = [message for message in proxy.seen if message.connection == 1]
    for message in first_beat:
        with Proxy(db_url, (message.direction, message.number)) as cutting:
            beats_until(cutting, lambda: len(cutting.cuts) == 1)
            before = last_sign_of_life()
            beats_until(cutting, lambda: last_sign_of_life() != before)  # noqa: B023 - the same
    assert len(first_beat) > 30


@pytest.mark.faults
@pytest.mark.parametrize("part", range(_PARTS))
def test_an_import_survives_every_cut(importing: Story, part: int, record_property: Figures) -> None:
    """There is no message of an import, request or answer, that must not be lost."""
    importing.survives(importing.every()[part::_PARTS], record_property)


@pytest.mark.faults
@pytest.mark.parametrize("part", range(_PARTS))
def test_a_rollback_survives_every_cut(undoing: Story, part: int, record_property: Figures) -> None:
    """There is no message of a rollback, request or answer, that must not be lost."""
    undoing.survives(undoing.every()[part::_PARTS], record_property)
