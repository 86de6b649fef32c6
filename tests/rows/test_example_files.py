"""The example files hold exactly what their README says."""

import re
from itertools import takewhile
from pathlib import Path

import polars as pl
import pytest

from plaintiff_moat.delivery import open_delivery

EXAMPLES = Path(__file__).parents[2] / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def weeks():
    """Read and prepare both files."""
    return {name: records(EXAMPLES / name) for name in ("simplicity_export.csv", "simplicity_export_week2.csv")}


def records(path):
    """Prepare every record of a file."""
    delivery = open_delivery(path, source_system="simplicity")
    return pl.concat([delivery.rows(chunk) for chunk in delivery.scan.chunks])


def table(heading):
    """Give the cells of a table's rows, below a heading of the README."""
    lines = README.split(heading, 1)[1].lstrip().splitlines()
    body = takewhile(lambda line: line.startswith("|"), lines[2:])
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in body]


def test_the_counts_are_those_of_the_readme(weeks):
    """The first file alone, and the second one after it."""
    known = set()
    counted = []
    for name, frame in weeks.items():
        keys = frame["dedupe_key"].drop_nulls()
        new = set(keys) - known
        known |= new
        failed = frame["error_code"].is_not_null().sum()
        counted.append([name, *map(str, (frame.height, len(new), len(keys) - len(new), failed))])
    assert counted == table("## What comes out")


def test_each_bad_record_fails_where_and_why_the_readme_says(weeks):
    """By its lines in the file and its code."""
    rejects = weeks["simplicity_export.csv"].filter(pl.col("error_code").is_not_null())
    assert rejects.select(pl.col("line_start").cast(pl.String), "error_code").rows() == [
        (line, code) for line, code, _ in table("## The bad records of the first file")
    ]


def test_few_values_are_doubted(weeks):
    """Fictional telephone numbers are valid ones: the warnings are those that the file is meant to show."""
    warnings = weeks["simplicity_export.csv"]["warnings"].value_counts().rows()
    assert dict(warnings) == {None: 187, "{EMAIL_SYNTAX}": 2, "{PHONE_UNRECOGNISED}": 2, "{STATE_UNKNOWN}": 1}


def test_every_address_and_number_is_one_that_nobody_has():
    """Reserved domains (RFC 2606) and numbers set aside for fiction."""
    for path in EXAMPLES.glob("*.csv"):
        text = path.read_text(encoding="utf-8-sig")
        assert set(re.findall(r"@([\w.]+\w)", text.lower())) <= {"example.com", "example.org", "example.net"}
        numbers = re.findall(r"(?:\d{3}\)?[-. ]?)?555[-. ]?(\d{4})", text)
        assert all(number.startswith("01") for number in numbers)


def test_the_first_file_is_as_awkward_as_a_vendors():
    """A byte order mark, CRLF, line breaks inside cells, and accents."""
    data = (EXAMPLES / "simplicity_export.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") > 190
    assert re.search(rb'"[^"\r]*\n', data)
    assert "Zoë Núñez" in data.decode("utf-8-sig")
