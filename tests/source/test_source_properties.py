"""What holds for every file, well-formed or not."""

import csv
import io
from hashlib import sha256
from unittest.mock import patch

import polars as pl
import pytest
from csv_files import COMMA, cells_of, damaged_texts, frame_of, load, tables, written
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source import boundaries
from plaintiff_moat.source.scan import scan

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def header(width: int, line_end: str = "\n") -> str:
    """Return a header line."""
    return ",".join(f"column {position}" for position in range(width)) + line_end


@quick
@given(records=tables(), quote_all=st.booleans(), line_end=st.sampled_from(["\n", "\r\n"]), closed=st.booleans())
@example(records=[[""], ["x"]], quote_all=True, line_end="\n", closed=False)
@example(records=[["\ufeffa", "b"]], quote_all=False, line_end="\n", closed=True)
def test_a_well_formed_file_reads_like_the_csv_module(tmp_path, records, quote_all, line_end, closed):
    """Every cell of a file that a strict writer wrote comes out as Python's reader has it, empty ones as null."""
    text = written(records, quote_all=quote_all, line_end=line_end)
    text = text if closed else text.removesuffix(line_end)
    expected = [
        tuple(cell or None for cell in record)
        for record in csv.reader(io.StringIO(text, newline=""), strict=True)
        if record
    ]
    frame = load(tmp_path / "table.csv", header(len(records[0]), line_end) + text)
    assert frame["error_code"].null_count() == frame.height
    assert cells_of(frame) == expected


@quick
@given(body=damaged_texts(), width=st.integers(1, 4), chunk_bytes=st.integers(1, 200), chunk_records=st.integers(1, 9))
def test_the_answer_does_not_depend_on_the_chunk_size(tmp_path, body, width, chunk_bytes, chunk_records):
    """Small chunks give the very frame that one big chunk gives, on damaged files too."""
    path = tmp_path / "damaged.csv"
    path.write_bytes((header(width) + body + "\nlast").encode("utf-8", "surrogateescape"))
    whole = scan(path, reading=COMMA)
    with patch("plaintiff_moat.source.scan.CHUNK_RECORDS", chunk_records):
        parts = scan(path, chunk_bytes=chunk_bytes, reading=COMMA)
    assert max(chunk.records for chunk in parts.chunks) <= chunk_records
    assert frame_of(parts).equals(frame_of(whole))
    assert (parts.records, parts.file_hash) == (whole.records, whole.file_hash)


@quick
@given(body=damaged_texts(), width=st.integers(1, 4), window=st.integers(1, 40), block=st.integers(1, 40))
def test_the_answer_does_not_depend_on_where_the_scanner_pauses(tmp_path, body, width, window, block):
    """The bytes that are proved and read at once move no boundary."""
    path = tmp_path / "damaged.csv"
    path.write_bytes((header(width) + body + "\nlast").encode("utf-8", "surrogateescape"))
    expected = scan(path, reading=COMMA)
    with (
        patch.object(boundaries, "_WINDOW", window),
        patch.object(boundaries, "_CAUTIOUS_WINDOW", min(window, 3)),
        patch.object(boundaries, "_BLOCK", block),
    ):
        assert scan(path, reading=COMMA) == expected


@quick
@given(body=damaged_texts(), width=st.integers(1, 4), chunk_bytes=st.integers(64, 400))
def test_every_physical_line_and_byte_is_accounted_for(tmp_path, body, width, chunk_bytes):
    """Lines are the header's, one record's, or blank; chunks tile the file and carry its digests."""
    path = tmp_path / "damaged.csv"
    content = (header(width) + body + "\nlast").encode("utf-8", "surrogateescape")
    path.write_bytes(content)
    scanned = scan(path, chunk_bytes=chunk_bytes, reading=COMMA)
    assert scanned.file_hash == sha256(content).hexdigest()
    ends = [chunk.end for chunk in scanned.chunks]
    assert [chunk.start for chunk in scanned.chunks] == [len(header(width)), *ends[:-1]]
    assert ends[-1] == len(content)
    assert [chunk.digest for chunk in scanned.chunks] == [
        sha256(content[chunk.start : chunk.end]).hexdigest() for chunk in scanned.chunks
    ]
    frame = frame_of(scanned)
    assert frame["row_number"].to_list() == list(range(1, scanned.records + 1))
    lines = content.split(b"\n")
    accounted = [1]
    for first, last in frame.select("line_start", "line_end").rows():
        assert first <= last
        accounted += range(first, last + 1)
    assert len(set(accounted)) == len(accounted)
    assert all(lines[number - 1] in (b"", b"\r") for number in {*range(1, len(lines) + 1)} - set(accounted))


@quick
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(tmp_path, content):
    """Whatever is delivered, the scanner refuses it as bad input or accounts for each of its records."""
    path = tmp_path / "bytes.csv"
    path.write_bytes(content)
    try:
        scanned = scan(path)
    except BadInput:
        return
    frame = frame_of(scanned)
    assert frame.height == scanned.records > 0
    unreadable = frame.filter(pl.col("error_code").is_not_null())
    assert unreadable.select("c0").null_count().item() == unreadable.height


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_chunk_of_nothing_but_damage_reads(tmp_path, width):
    """A file without one readable record comes out as rejects, each with the columns of the header."""
    frame = load(tmp_path / "damaged.csv", header(width) + ('x"y' + ",z" * (width - 1) + "\n") * 5)
    assert frame["error_code"].to_list() == ["BARE_QUOTE"] * 5
    assert frame.width == 6 + width
