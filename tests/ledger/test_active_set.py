"""Invariant I4: whatever happens in whatever order, the ledger is that of the surviving files alone."""

from collections.abc import Callable

import psycopg
import pytest
from histories import Step, Story, histories
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from ledger_steps import Connection, value

# 2,000 in shards that pytest-xdist spreads; of so many histories one is also played into a database without any
_SHARDS, _HISTORIES = 8, 250
_ONE_FRESH_IN = 20


def hold_histories(
    conn: Connection, fresh: Callable[[], str], *, examples: int, shard: int = 0, shrink: bool = True
) -> None:
    """Raise AssertionError if the ledger disagrees with the model, or with a fresh database, after any history."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]

    @seed(shard)
    @settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(history=histories, lot=st.integers(1, _ONE_FRESH_IN))
    def agrees(history: list[Step], lot: int) -> None:
        story = Story(conn)
        story.play(history)
        if lot == _ONE_FRESH_IN:
            with psycopg.connect(fresh(), autocommit=True) as other:
                story.survivors_agree_with(other)

    agrees()


@pytest.fixture
def fresh(new_database: Callable[[str], str], template: str) -> Callable[[], str]:
    """Make a migrated database without any history and return its URL."""
    return lambda: new_database(template)


def test_ledger_is_that_of_the_surviving_files(conn: Connection, fresh: Callable[[], str]) -> None:
    """After every step of random histories: active set, outcomes, counts, and previews that came true."""
    hold_histories(conn, fresh, examples=60)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(_SHARDS))
def test_ledger_is_that_of_the_surviving_files_2000_times(
    conn: Connection, fresh: Callable[[], str], shard: int
) -> None:
    """The same over 2,000 histories."""
    hold_histories(conn, fresh, examples=_HISTORIES, shard=shard + 1)


_HEIRS = "select pg_get_functiondef('ingest._heirs(uuid)'::regprocedure)"
_HANDING_ON = "select pg_get_functiondef('ingest._pass_keys_on(uuid)'::regprocedure)"


@pytest.mark.parametrize(
    ("definition", "right", "wrong"),
    [
        pytest.param(_HEIRS, "held.publish_seq, held", "held.publish_seq desc, held", id="latest heir"),
        pytest.param(_HEIRS, "q, held.row_number", "q, held.row_number desc", id="last record of the heir"),
        pytest.param(_HEIRS, "later.status = 'completed'", "true", id="heir that is undone"),
        pytest.param(_HANDING_ON, "where r.run_no = v_heir.run_no", "where false", id="counts not corrected"),
    ],
)
def test_property_catches_a_ledger_that_is_wrong(
    conn: Connection, fresh: Callable[[], str], definition: str, right: str, wrong: str
) -> None:
    """With a fault planted into what passes keys on, random histories find a counter-example."""
    sound = value(conn, definition)
    assert sound.count(right) == 1, sound
    conn.execute(sound.replace(right, wrong).encode())
    with pytest.raises(AssertionError):
        hold_histories(conn, fresh, examples=300, shrink=False)
