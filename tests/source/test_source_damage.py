"""What damage costs: the damaged record, flagged with its lines, and never a cell of another one."""

import re

import pytest
from csv_files import cells_of, load, rejects_of, written

from plaintiff_moat.source import boundaries
from plaintiff_moat.source.read import RAW_LIMIT
from plaintiff_moat.source.records import RECORD_LIMIT
from plaintiff_moat.source.scan import scan

COLUMNS = 10
HEADER = ",".join(f"h{column}" for column in range(COLUMNS)) + "\n"


def awkward_table(records: int = 12) -> list[list[str]]:
    """Return records whose cells hold commas, newlines, quotes and nothing, in changing columns."""
    kinds = ["{}", "{}, Inc", "{}\nline two", "{}", "", "{}", 'the "{}"', "{}", ",{}", "{}"]
    return [
        [kinds[(row * 3 + column * 7) % len(kinds)].format(f"r{row}c{column}") for column in range(COLUMNS)]
        for row in range(records)
    ]


def places(records: list[list[str]], text: str, **style: bool) -> list[tuple[int, int, int]]:
    """Return each record's offset, first and last physical line in the text that `written` gives."""
    found, offset, line = [], 0, 2
    for record in records:
        piece = written([record], **style)
        found.append((offset, line, line + piece.count("\n") - 1))
        offset, line = offset + len(piece), line + piece.count("\n")
    assert offset == len(text)
    return found


def expected_without(records: list[list[str]], damaged: int) -> list[tuple[str | None, ...]]:
    """Return the cells of all records but one."""
    return [tuple(cell or None for cell in record) for row, record in enumerate(records) if row != damaged]


@pytest.mark.parametrize("quote_all", [False, True])
def test_a_stray_quote_anywhere_costs_exactly_its_record(tmp_path, quote_all):
    """Wherever one quote too many stands, its record is one reject with its own lines; all others are right."""
    records = awkward_table()
    text = written(records, quote_all=quote_all)
    where = places(records, text, quote_all=quote_all)
    for position in range(len(text)):
        damaged = max(row for row, (offset, _, _) in enumerate(where) if offset <= position)
        frame = load(tmp_path / "stray.csv", HEADER + text[:position] + '"' + text[position:])
        assert cells_of(frame) == expected_without(records, damaged), position
        assert [reject[:2] for reject in rejects_of(frame)] == [where[damaged][1:]], position


@pytest.mark.parametrize("replacement", ["", ",,", ";"], ids=["missing", "extra", "foreign"])
def test_a_wrong_delimiter_anywhere_costs_exactly_its_record(tmp_path, replacement):
    """A delimiter that is missing, doubled or another one makes its record a reject; all others are right."""
    records = awkward_table()
    text = written(records)
    where = places(records, text)
    outside = [at.start() for at in re.finditer(",", text) if text.count('"', 0, at.start()) % 2 == 0]
    assert len(outside) == len(records) * (COLUMNS - 1)
    for position in outside:
        damaged = max(row for row, (offset, _, _) in enumerate(where) if offset <= position)
        frame = load(tmp_path / "delimiter.csv", HEADER + text[:position] + replacement + text[position + 1 :])
        assert cells_of(frame) == expected_without(records, damaged), position
        assert len(rejects_of(frame)) == 1, position


@pytest.mark.parametrize(
    ("body", "rejects", "cells"),
    [
        ('1,5" pipe,x\n2,b,y\n', [(2, 2, "BARE_QUOTE")], [("2", "b", "y")]),
        ('1,"Jo"hn,x\n2,b,y\n', [(2, 2, "BARE_QUOTE")], [("2", "b", "y")]),
        ('1,"John,x\n2,b,y\n3,c,z\n', [(2, 2, "UNCLOSED_QUOTE")], [("2", "b", "y"), ("3", "c", "z")]),
        ('1,"John,x\n2,"Bob",y\n3,c,z\n', [(2, 2, "UNCLOSED_QUOTE")], [("2", "Bob", "y"), ("3", "c", "z")]),
        ("1,a\n2,b,y\n", [(2, 2, "WRONG_FIELD_COUNT")], [("2", "b", "y")]),
        ('1,"a\n\nb",x,\n2,b,y\n', [(2, 4, "WRONG_FIELD_COUNT")], [("2", "b", "y")]),
        ("1,a\rb,x\n2,b,y\n", [(2, 2, "MALFORMED_RECORD")], [("2", "b", "y")]),
        ("1,caf\udce9,x\n2,café,y\n", [(2, 2, "BAD_ENCODING")], [("2", "café", "y")]),
        ("1,a\0b,x\n2,b,y\n", [(2, 2, "NUL_BYTE")], [("2", "b", "y")]),
        ('\n1,a,x\n\n\r\n"2",b,y\n3,"\n', [(7, 7, "UNCLOSED_QUOTE")], [("1", "a", "x"), ("2", "b", "y")]),
        ('1,lost\nbegin",x\n2,b,y\n', [(2, 3, "BARE_QUOTE")], [("2", "b", "y")]),
        (
            '1,"Elm, Apt 1,x\n2,"Main, Apt 2",y\n3,c,z\n',
            [(2, 2, "UNCLOSED_QUOTE")],
            [("2", "Main, Apt 2", "y"), ("3", "c", "z")],
        ),
        ('1,"Elm, Apt 1,x\n2,b,y\n3,"c, d",z\n', [(2, 2, "UNCLOSED_QUOTE")], [("2", "b", "y"), ("3", "c, d", "z")]),
        ('1,a,lost\nbegin"\n2,b,y\n', [(2, 3, "BARE_QUOTE")], [("2", "b", "y")]),
    ],
)
def test_each_kind_of_damage_has_its_code_and_lines(tmp_path, body, rejects, cells):
    """A damaged record is flagged with what is wrong and where; its neighbours read well."""
    frame = load(tmp_path / "kinds.csv", "a,b,c\n" + body)
    assert rejects_of(frame) == rejects
    assert cells_of(frame) == cells


def test_a_reading_that_cannot_be_told_from_another_is_flagged(tmp_path):
    """Where a stray quote makes a well-formed record of half of another, both halves are the reject."""
    frame = load(tmp_path / "twins.csv", 'a,b\n1,x\n2,"one"\ntwo"\n3,y\n')
    assert rejects_of(frame) == [(3, 4, "BARE_QUOTE")]
    assert cells_of(frame) == [("1", "x"), ("3", "y")]


def test_damage_in_every_record_costs_a_reject_each(tmp_path):
    """A vendor who never doubles quotes gets one reject per line, not one for the file."""
    frame = load(tmp_path / "all.csv", "a,b,c\n" + '1,"5" pipe, long",x\n' * 500)
    assert rejects_of(frame) == [(line, line, "BARE_QUOTE") for line in range(2, 502)]


def test_an_unclosed_quote_does_not_swallow_a_large_file(tmp_path):
    """An opening quote at the start of a file without other quotes costs its own line only."""
    lines = 3 * RECORD_LIMIT // 8
    frame = load(tmp_path / "large.csv", 'a,b\n"1,x\n' + "22,y\n" * lines)
    assert rejects_of(frame) == [(2, 2, "UNCLOSED_QUOTE")]
    assert frame.height == lines + 1


def test_a_record_over_the_limit_is_flagged(tmp_path):
    """A record that is longer than the limit is one reject, whose raw text is cut."""
    frame = load(
        tmp_path / "long.csv", "a,b\n1,x\n2," + "y" * RECORD_LIMIT + '\n3,"' + ("z" * 999 + "\n") * 1100 + '"\n4,y\n'
    )
    assert cells_of(frame)[0] == ("1", "x")
    assert cells_of(frame)[-1] == ("4", "y")
    assert rejects_of(frame)[0] == (3, 3, "MALFORMED_RECORD")
    assert len(frame["raw"][1]) == RAW_LIMIT


def test_a_rejects_text_is_kept_as_far_as_it_is_text(tmp_path):
    """Raw text has replacement characters for NUL and foreign bytes, and not the line end."""
    frame = load(tmp_path / "raw.csv", "a,b\n1,\0\udce9,x\r\n2,y\n")
    assert frame["raw"].to_list() == ["1,\ufffd\ufffd,x", None]
    assert frame["error_message"][0] == "expected text, found a NUL byte; remove it"


def test_a_wrong_width_says_both_widths(tmp_path):
    """The message of a record of another width has the header's number of fields and its own."""
    frame = load(tmp_path / "width.csv", 'a,b\n1,"x,y",z,\n')
    assert frame["error_message"][0].startswith("expected 2 fields, found 4;")


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    """A line beyond the limit of lines is no CSV and is not held in memory."""
    monkeypatch.setattr(boundaries, "_LINE_LIMIT", 4 * RECORD_LIMIT)
    path = tmp_path / "line.csv"
    path.write_bytes(b"a,b\n1,x\n" + b"y" * 30 * RECORD_LIMIT)
    with pytest.raises(Exception, match="found line 3 longer"):
        scan(path)
