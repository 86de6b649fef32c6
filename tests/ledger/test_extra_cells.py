"""The cells that no canonical column took: one text, of as many cells as the names announced with their chunk."""

from itertools import product

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ledger_steps import NOT_ANNOUNCED, Connection, announce, claim, reconcile, refused, unchanged, value

from plaintiff_moat.ledger.extra import Extra

_CHECK_VIOLATION = "23514"
_CELLS = st.none() | st.text("ab\x1f\x1ec\n", min_size=1, max_size=6)
_INSERT = (
    "insert into ingest.landed_rows (run_no, row_number, chunk_no, line_start, dedupe_key, plaintiff_name, extra)"
    " values (%s, %s, %s, 2, gen_random_uuid(), 'Ada', %s)"
)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[_CELLS] * width) | st.none(), min_size=1)))
@example([("\x1f", "a"), ("a", "\x1faa"), ("\x1fab", "\x1fbb")])
@example([(None, None), None])
def test_cells_are_taken_apart_as_they_were_joined(rows: list[tuple[str | None, ...] | None]) -> None:
    """Whatever stands in them: what stands between them stands in none, nor arises where one touches it."""
    width = max(len(row or "c") for row in rows)
    names = [f"column {place}" for place in range(width)]
    structs = [None if row is None else dict(zip(names, row, strict=True)) for row in rows]
    extra = Extra.of(pl.Series("extra", structs, pl.Struct(dict.fromkeys(names, pl.String))))
    assert (extra.columns, extra.texts.name) == (tuple(names), "extra")
    if width == 1:
        assert extra.texts.to_list() == [row and row[0] for row in rows]
        return
    for text, row in zip(extra.texts, rows, strict=True):
        assert (text is None) == (row is None)
        if text is not None and row is not None:
            assert tuple(cell or None for cell in text.split(extra.separator)) == row


def test_what_stands_between_cells_is_short() -> None:
    """However many words the cells hold: it stands between all of them. It is found in one look, not word by word."""
    words = [f"\x1f{word}" for length in range(1, 10) for word in map("".join, product("ab", repeat=length))]
    frame = pl.DataFrame({"Notes": words, "Judge": words[::-1]})
    extra = Extra.of(frame.to_struct("extra"))
    assert len(extra.separator) == 1 + (2 * len(words)).bit_length()
    taken_apart = [tuple(text.split(extra.separator)) for text in extra.texts]
    assert taken_apart == frame.rows()


def test_without_such_columns_there_are_no_cells() -> None:
    """A mapping may take every column."""
    extra = Extra.of(pl.Series("extra", [None, None]))
    assert (extra.columns, extra.texts.to_list()) == ((), [None, None])


@pytest.mark.parametrize("extra", ["", "a", "a|b|c"])
def test_cells_are_as_many_as_the_columns_that_were_announced(conn: Connection, extra: str) -> None:
    """A cell stands for the column of its place: with others no reader could tell whose it is."""
    held = claim(conn)
    with unchanged(conn), refused(NOT_ANNOUNCED), conn.transaction():
        announce(conn, held, 2, extra_columns=("Notes", "Judge"), extra_separator="|")
        conn.execute(
            f"{_INSERT}, (%s, 2, 0, 3, gen_random_uuid(), 'Ben', 'a|b')", (held.run_no, 1, 0, extra, held.run_no)
        )


def test_without_columns_a_row_has_no_cells(conn: Connection) -> None:
    """Not even an empty one."""
    held = claim(conn)
    with unchanged(conn), refused(NOT_ANNOUNCED), conn.transaction():
        announce(conn, held, 1)
        conn.execute(_INSERT, (held.run_no, 1, 0, ""))


@pytest.mark.parametrize(
    ("columns", "separator", "state"),
    [
        ([["Notes"], ["Judge"]], "|", _CHECK_VIOLATION),
        (["n" * (16 << 20), "m"], "|", _CHECK_VIOLATION),
        (["Notes", None], "|", "22023"),
        (["Notes", "Notes"], "|", "22023"),
        (["Notes", "Judge"], "", _CHECK_VIOLATION),
    ],
    ids=["of lists", "too long", "without a name", "twice", "not separated"],
)
def test_the_columns_of_a_chunk_are_a_list_of_names(
    conn: Connection, columns: list, separator: str, state: str
) -> None:
    """The views name each cell by them."""
    held = claim(conn)
    with unchanged(conn), refused(state):
        announce(conn, held, 1, extra_columns=columns, extra_separator=separator)


@pytest.mark.parametrize("cells", ["repeat('x', 65 << 20)", "(select compressed.cells from compressed)"])
def test_cells_are_no_more_than_a_view_can_show(conn: Connection, cells: str) -> None:
    """One row of more would fail the query of whoever reads it."""
    held = claim(conn)
    conn.execute("create temporary table compressed as select repeat('x', 65 << 20) as cells")
    assert value(conn, "select pg_column_size(cells) from compressed") < 1 << 20
    insert = _INSERT.removesuffix("%s)") + f"{cells})"
    with unchanged(conn), refused("54000"), conn.transaction():
        announce(conn, held, 1, extra_columns=["Notes"])
        conn.execute(insert.encode(), (held.run_no, 1, 0))


def test_extra_is_shown_under_its_names(conn: Connection) -> None:
    """Each chunk by those that it was announced with, an empty cell as null; null where a row has no such cells."""
    held = claim(conn)
    sent = (
        (("Notes", "Judge"), "x|", {"Notes": "x", "Judge": None}),
        (("Notes", "Judge"), "|", {"Notes": None, "Judge": None}),
        (("Judge",), None, {"Judge": None}),
        (("Judge",), "a|b", {"Judge": "a|b"}),
        ((), None, None),
    )
    for chunk, (columns, cells, _) in enumerate(sent):
        with conn.transaction():
            announce(conn, held, 1, chunk=chunk, first_row=chunk + 1, extra_columns=columns, extra_separator="|")
            conn.execute(_INSERT, (held.run_no, chunk + 1, chunk, cells))
    assert reconcile(conn, held.run_id, len(sent), held=held)[0]
    for view in ("plaintiffs_raw", "v_plaintiffs"):
        shown = conn.execute(f"select extra from ingest.{view} order by row_number".encode()).fetchall()
        assert shown == [(extra,) for _, _, extra in sent]
