"""Cells as views of their chunk's text: the very texts that were sent, wherever they stand in it and however long."""

import csv
import gc
import io
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from csv_files import cells_of, frame_of, load, written
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plaintiff_moat.source import Reading
from plaintiff_moat.source import read as reading
from plaintiff_moat.source.layout import Layout, lay_out
from plaintiff_moat.source.read import ReadingsDisagree, cell_names, read
from plaintiff_moat.source.records import Scan
from plaintiff_moat.source.scan import scan

AROUND_BLOCKS = (0, 1, 3, 4, 5, 7, 8, 11, 12, 13, 61, 62, 63, 64, 65, 126, 127, 128, 129, 192)
ENCODINGS = ("utf-8", "utf-16-le", "cp1252")
quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def texts() -> st.SearchStrategy[str]:
    """Cells that end about where a block does, and that may need quotes and hold them."""
    pieces = st.sampled_from(("a", "é", " ", "'", '"', '""', ",", ";", "|", "~", "\n", "\r\n", "\r"))
    fillers = st.sampled_from(AROUND_BLOCKS).map("x".__mul__)
    return st.lists(pieces | fillers, max_size=4).map("".join)


def tables() -> st.SearchStrategy[list[list[str]]]:
    """Tables of such cells, at least one record."""
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(texts(), min_size=width, max_size=width), min_size=1, max_size=12)
    )


@quick
@given(
    records=tables(),
    marks=st.sampled_from((',"', ";'", '|"', "~'", "x'", "\"'", "'\"", " |")),
    encoding=st.sampled_from(ENCODINGS),
    line_end=st.sampled_from(("\n", "\r\n")),
    quote_all=st.booleans(),
    closed=st.booleans(),
)
@example(records=[["x" * 61 + '"'], ['"']], marks=',"', encoding="utf-8", line_end="\n", quote_all=True, closed=False)
def test_cells_are_those_of_the_csv_module(tmp_path, records, marks, encoding, line_end, quote_all, closed):
    """Whatever separates cells and wherever they end, they are as Python's reader has them, empty ones null."""
    delimiter, quote = marks
    head = [[f"c{at}" for at in range(len(records[0]))]]
    text = written(head + records, quote_all=quote_all, line_end=line_end, delimiter=delimiter, quote=quote)
    text = text if closed else text.removesuffix(line_end)
    said = Reading(delimiter=delimiter, quote=quote, encoding=encoding)
    parsed = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter, quotechar=quote)
    frame = load(tmp_path / "table.csv", text.encode(encoding), reading=said)
    assert frame["error_code"].null_count() == frame.height
    assert cells_of(frame) == [tuple(cell or None for cell in record) for record in parsed if record][1:]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("size", AROUND_BLOCKS)
def test_cells_around_unreadable_records_stay_in_their_rows(tmp_path, encoding, size):
    """Unreadable records and blank lines of any length, alone or side by side, leave nulls and move nothing."""
    good, wide, bare = f'é,"{"x" * size}"\n', f"1,2,{'y' * size}\n", f'a"{"z" * size},b\n'
    content = "a,b\n" + wide + good + "\n\r\n" + good + bare + wide + "\n" + good + bare
    frame = load(tmp_path / "mixed.csv", content.encode(encoding), reading=Reading(encoding=encoding))
    sound, unreadable = ("é", "x" * size or None), (None, None)
    assert frame.select("c0", "c1").rows() == [
        unreadable, sound, sound, unreadable, unreadable, sound, unreadable,
    ]  # fmt: skip


def test_a_column_outlives_the_others(tmp_path):
    """The text is there as long as one column is."""
    records = [[f"{row} of a cell beyond twelve bytes", f'"{row}" is doubled in its text'] for row in range(5_000)]
    frame = load(tmp_path / "table.csv", written([["a", "b"], *records]))
    column = frame["c1"]
    del frame
    gc.collect()
    other = load(tmp_path / "other.csv", written([["a", "b"], *([["-" * 40, "-" * 40]] * 5_000)]))
    assert column.to_list() == [record[1] for record in records]
    del column
    assert other["c0"].unique().to_list() == ["-" * 40]


def scanned(path: Path) -> Scan:
    """Return the scan of two records."""
    path.write_text('a,b\n1,"two"\n3,four\n')
    return scan(path)


@pytest.mark.parametrize("content", [8, 10])
def test_cells_of_other_bytes_than_proved_are_refused(tmp_path, content):
    """A byte more or less in the cells than the proof counts is a fault of this program, and no cell comes out."""

    def counted(*arguments: object) -> Layout:
        layout = lay_out(*arguments)
        assert layout.content == 9
        return replace(layout, content=content)

    with patch.object(reading, "lay_out", counted), pytest.raises(ReadingsDisagree, match=f"{content} bytes"):
        frame_of(scanned(tmp_path / "table.csv"))


@pytest.mark.parametrize("header", [("a",), ("a", "b", "c")])
def test_records_of_another_width_than_proved_are_refused(tmp_path, header):
    """No cell is left over, and none is missing."""

    def laid_out(data: bytes, chunk, dialect, _: int) -> Layout:
        return lay_out(data, chunk, dialect, 2)

    case = scanned(tmp_path / "table.csv")
    with patch.object(reading, "lay_out", laid_out), pytest.raises(ReadingsDisagree, match=f"of {len(header)} cells"):
        read(case.path, case.dialect, header, case.chunks[0])


def test_records_in_other_places_than_proved_are_refused(tmp_path):
    """A chunk with more records than were scanned is refused, and one whose records are not where they were laid."""
    case = scanned(tmp_path / "table.csv")
    chunk = case.chunks[0]
    with pytest.raises(ReadingsDisagree, match="expected 3 records"):
        read(case.path, case.dialect, case.header, replace(chunk, records=3))

    def moved(*arguments: object) -> Layout:
        layout = lay_out(*arguments)
        return replace(layout, starts=layout.starts[:1], ends=layout.ends[1:], verdicts=layout.verdicts[:1])

    with patch.object(reading, "lay_out", moved), pytest.raises(ReadingsDisagree):
        read(case.path, case.dialect, case.header, replace(chunk, records=1))


def test_a_frame_may_be_joined_filtered_and_sorted(tmp_path):
    """Views into one text are texts like any others to polars."""
    rows = [[f"{number:05}", "x" * (number % 40)] for number in range(1_000)]
    frame = load(tmp_path / "table.csv", written([["a", "b"], *rows]))
    long = frame.filter(pl.col("c1").str.len_bytes() > 12).sort("c0", descending=True)
    twice = pl.concat([long, long]).unique("c0", maintain_order=True).select(cell_names(2))
    assert twice.rows() == [tuple(row) for row in reversed(rows) if len(row[1]) > 12]
