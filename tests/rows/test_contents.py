"""What the cells of a record are together."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.rows.contents import contents
from plaintiff_moat.rows.normalise import trimmed

_CELL = (
    st.none()
    | st.text("ab]_é\0", max_size=25)
    | st.text("ab]", min_size=60, max_size=150)
    | st.sampled_from(["_REDACTED]", "[SSN_REDACTED]", "_REDACTED", "REDACTED]", "a" * 60 + "_REDACTED]" + "b" * 70])
    | st.integers(50, 64).map(lambda size: "a" * size + "_REDACTED]")
)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL)), st.integers(0, 2))
def test_contents_are_those_of_the_record(records, skipped):
    """Its bytes, a NUL, a placeholder: wherever in a cell these stand, and in no other record."""
    schema = {"c0": pl.String, "c1": pl.String, "c2": pl.String}
    frame = pl.DataFrame(records, schema, orient="row")
    found = contents(frame[skipped:].vstack(frame))[0].rows()
    cells = [[cell or "" for cell in record] for record in records[skipped:] + records]
    assert found == [
        (
            sum(len(cell.encode()) for cell in record),
            any("\0" in cell for cell in record),
            any("_REDACTED]" in cell for cell in record),
        )
        for record in cells
    ]


_ENDS = "\t\r \x1f\x84\x85\xa0\xa1\u1680\u200a\u200b\u2028\u202f\u205f\u3000\u3001\ufeff\ufefe"
_PADDED = st.none() | st.text(_ENDS + "ab" * 40, max_size=20)


@given(st.lists(st.tuples(_PADDED, _PADDED), max_size=5), st.integers(0, 600), st.integers(0, 3))
def test_columns_with_something_to_trim_are_those_that_trimming_changes(records, behind, skipped):
    """However far below the first record what needs it stands."""
    plain = [("a text beyond twelve bytes", "a")] * behind
    frame = pl.DataFrame(plain + records, {"c0": pl.String, "c1": pl.String}, orient="row")[skipped:]
    changed = {column.name for column in frame if column.to_list() != trimmed(column).to_list()}
    assert contents(frame)[1] == changed


def test_columns_of_another_type_are_refused():
    """Rather than read as what they are not."""
    with pytest.raises(ValueError, match="found String, Int64"):
        contents(pl.DataFrame({"c0": ["a"], "c1": [1]}))
