"""Cells as JSON objects: to the byte what polars writes."""

import json

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from plaintiff_moat.rows.payload import unmapped

_CELL = (
    st.none() | st.text(max_size=40) | st.text('ab"\\\n\t\x00\x1f\x7fé\u2028', max_size=50) | st.text("ab", max_size=70)
)
_LABELS = st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20), unique=True, max_size=4)


@given(_LABELS, st.data(), st.integers(0, 2))
@example(['"\\'], None, 0)
def test_objects_are_those_of_polars(labels, data, skipped):
    """Whatever the cells hold and the columns are called; a part of a frame and one in several pieces too."""
    records = data.draw(st.lists(st.tuples(*(_CELL for _ in labels)), max_size=5)) if data else [('"',), (None,)]
    schema = {f"c{at}": pl.String for at in range(len(labels))}
    frame = pl.DataFrame(records, schema, orient="row")
    frame = frame[skipped:].vstack(frame)
    written = unmapped(frame, labels, range(len(labels)), frozenset())
    if not labels:
        assert written.null_count() == frame.height
        return
    named = frame.rename(dict(zip(frame.columns, labels, strict=True)))
    assert written.to_list() == named.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()


def test_every_character_is_read_back_as_it_was():
    """Alone and in a text, of one byte or more."""
    texts = [chr(point) for point in (*range(0x250), 0x2028, 0xFEFF, 0xFFFD, 0x1F600)]
    texts += [f"a text beyond twelve bytes: {text}" for text in texts]
    written = unmapped(pl.DataFrame({"c0": texts}), ["a"], [0], frozenset())
    assert [json.loads(text) for text in written] == [{"a": text} for text in texts]
