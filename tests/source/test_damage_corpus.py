"""One damaged byte at every place of a table of ten columns and eighty records: flagged there, right everywhere else.

Quoted cells hold commas, line breaks and quotes. A delimiter that is lost or added inside quotes is left out by
definition: it changes what a cell says, not how the file is written, and nobody can see it in the file alone.
"""

from collections.abc import Iterator

import pytest
from csv_files import COMMA, cells_of, load, rejects_of, written
from test_source_damage import COLUMNS, HEADER, awkward_table, places

RECORDS = awkward_table(80)
# Of every so many damaged files `make test` reads one; `make test-slow` reads all.
SAMPLE = 211


def damaged_files(kind: str, *, quote_all: bool) -> Iterator[tuple[str, int]]:
    """Yield the body of a file with one damage, and the index of the record that has it."""
    text = written(RECORDS, quote_all=quote_all)
    starts = [offset for offset, _, _ in places(RECORDS, text, quote_all=quote_all)]
    row = quotes = 0
    for position, character in enumerate(text):
        row += row + 1 < len(starts) and starts[row + 1] <= position
        outside = quotes % 2 == 0
        quotes += character == '"'
        if kind == "quote lost" and character == '"':
            yield text[:position] + text[position + 1 :], row
        elif kind == "stray quote":
            yield text[:position] + '"' + text[position:], row
        elif kind == "extra delimiter" and outside:
            yield text[:position] + "," + text[position:], row
        elif kind == "missing delimiter" and outside and character == ",":
            yield text[:position] + text[position + 1 :], row
        elif kind == "foreign delimiter" and outside and character == ",":
            yield from ((text[:position] + foreign + text[position + 1 :], row) for foreign in ";\t|")


def check(tmp_path, kind: str, *, quote_all: bool, every: int) -> None:
    """Assert that of each file all records but the damaged one are right, and that one is flagged on its lines.

    It is one reject, but for the file's last record without a quote: nothing stands behind it that bears out where it
    ends, so that its lines may be rejects of their own.
    """
    text = written(RECORDS, quote_all=quote_all)
    where = places(RECORDS, text, quote_all=quote_all)
    sound = [tuple(cell or None for cell in record) for record in RECORDS]
    for number, (body, row) in enumerate(damaged_files(kind, quote_all=quote_all)):
        if number % every:
            continue
        frame = load(tmp_path / "damaged.csv", HEADER + body, reading=COMMA)
        assert cells_of(frame) == sound[:row] + sound[row + 1 :], (kind, number)
        flagged = [reject[:2] for reject in rejects_of(frame)]
        if kind == "quote lost" and row == len(RECORDS) - 1:
            flagged = [(flagged[0][0], flagged[-1][1])]
        assert flagged == [where[row][1:]], (kind, number)


KINDS = ["stray quote", "quote lost", "extra delimiter", "missing delimiter", "foreign delimiter"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quote_all", [False, True])
def test_damage_costs_its_record_and_no_other_sampled(tmp_path, kind, quote_all):
    """The quick sample of the damaged files."""
    assert len(RECORDS[0]) == COLUMNS
    check(tmp_path, kind, quote_all=quote_all, every=SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quote_all", [False, True])
def test_damage_costs_its_record_and_no_other(tmp_path, kind, quote_all):
    """All of them."""
    check(tmp_path, kind, quote_all=quote_all, every=1)
