"""The rules of drift by themselves: silent about files of one kind, and never about a broken one."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.drift import Profile, drift_of, duplicates_drift

HEADER = ("Plaintiff Name", "Email", "Phone", "Case No", "Amount")
USUAL = Profile(HEADER, (1000, 700, 400, 990, 1000), 1000, 10, 50)


def told(file: Profile, earlier: list[Profile]) -> list[tuple[str, str | None]]:
    """Codes and columns of what is unusual."""
    return [(drift.code, drift.column) for drift in (*drift_of(file, earlier), *duplicates_drift(file, earlier))]


def drawn(dice: random.Random, shares: list[float], records: int) -> Profile:
    """A file of a feed whose cells are filled, records rejected and duplicates sent with these chances."""

    def count(share: float, among: int) -> int:
        # the normal approximation is far off for rare events in small files, where false alarms would come from
        return sum(dice.random() < share for _ in range(among))

    *filled, rejects, duplicates = shares
    rejected = count(rejects, records)
    header = HEADER[: len(filled)]
    return Profile(
        header,
        tuple(count(share, records) for share in filled),
        records,
        rejected,
        count(duplicates, records - rejected),
    )


def test_files_of_one_kind_raise_no_alarm() -> None:
    """Of 150 feeds by chance, of small files and large ones, none is told of."""
    dice = random.Random(20260115)
    for _ in range(150):
        shares = [dice.choice([0.0, 0.01, 0.5, 0.9, 0.99, 1.0, dice.random()]) for _ in HEADER]
        shares += [dice.choice([0.0, 0.01, 0.1]), dice.choice([0.0, 0.05, 0.5, 0.97])]
        size = dice.choice([1, 3, 10, 40, 150, 400])
        # twice as many records one day as another is usual
        files = [drawn(dice, shares, max(1, round(size * dice.uniform(0.7, 1.4)))) for _ in range(11)]
        assert [found for found in told(files[0], files[1:]) if found[0] != "NO_VALID_RECORD"] == []


@given(
    st.integers(1, 10),
    st.permutations(HEADER),
    st.lists(st.tuples(st.floats(0.45, 0.54), st.integers(2_000, 5_900)), min_size=11, max_size=11),
)
def test_what_stays_within_the_floors_is_never_told(
    files: int, header: list[str], figures: list[tuple[float, int]]
) -> None:
    """Shares that lie within a tenth of each other and counts within a factor of three are the same kind of file."""
    feed = [
        Profile(tuple(header), (round(share * size),) * len(header), size, round((share - 0.45) / 3 * size), size // 3)
        for share, size in figures
    ]
    assert told(feed[0], feed[1 : files + 1]) == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (replace(USUAL, filled=(1000, 5, 400, 990, 1000)), [("FILL_RATE", "Email")]),
        (replace(USUAL, filled=(1000, 700, 900, 990, 1000)), [("FILL_RATE", "Phone")]),
        (replace(USUAL, rejected=200), [("REJECT_RATE", None)]),
        (replace(USUAL, rejected=0), []),
        (replace(USUAL, skipped=980), [("DUPLICATE_RATE", None)]),
        (replace(USUAL, filled=(100, 70, 40, 99, 100), records=100, rejected=1, skipped=5), [("ROW_COUNT", None)]),
        (replace(USUAL, filled=(9000, 6300, 3600, 8910, 9000), records=9000, skipped=450), [("ROW_COUNT", None)]),
        (replace(USUAL, rejected=1000, skipped=0), [("NO_VALID_RECORD", None), ("REJECT_RATE", None)]),
    ],
)
def test_a_broken_file_is_told_of(file: Profile, expected: list[tuple[str, str | None]]) -> None:
    """Each fault by its own code, against three files before it; against two nothing is usual yet."""
    assert told(file, [USUAL] * 3) == expected
    assert told(file, [USUAL] * 2) == [found for found in expected if found[0] == "NO_VALID_RECORD"]


def with_header(*header: str) -> Profile:
    """A file with this header."""
    return Profile(header, (1000,) * len(header), 1000, 0, 0)


@pytest.mark.parametrize(
    ("header", "earlier", "expected"),
    [
        (("A", "C"), [("A", "B", "C")], [("COLUMN_MISSING", "B")]),
        (("A", "B", "C"), [("A", "B")], [("COLUMN_NEW", "C")]),
        (("B", "A"), [("A", "B")], [("COLUMNS_REORDERED", None)]),
        (("A", "X"), [("A", "B")], [("COLUMN_MISSING", "B"), ("COLUMN_NEW", "X")]),
        (("a ", "b_"), [("A", "B")], []),
        (("A", "B"), [], []),
        # a vendor who alternates: known layouts are silent, new ones only about what was always there
        (("A", "B"), [("A", "C"), ("A", "B"), ("A", "C")], []),
        (("B", "D"), [("A", "C"), ("A", "B")], [("COLUMN_MISSING", "A")]),
        (("A", "A (2)"), [("A", "A (2)")], []),
    ],
)
def test_headers(
    header: tuple[str, ...], earlier: list[tuple[str, ...]], expected: list[tuple[str, str | None]]
) -> None:
    """One earlier file is enough to know a header by; case and spaces are no change."""
    assert told(with_header(*header), [with_header(*names) for names in earlier]) == expected


def test_one_odd_file_does_not_move_what_is_usual() -> None:
    """After a single broken file the next good one is silent, and the next broken one is told of again."""
    broken = replace(USUAL, filled=(1000, 0, 400, 990, 1000))
    history = [broken, *[USUAL] * 4]
    assert told(USUAL, history) == []
    assert told(broken, history) == [("FILL_RATE", "Email")]
