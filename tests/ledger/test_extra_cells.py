"""The cells that no canonical column took: as many as the names announced with their chunk, and shown under these."""

import pytest
from ledger_steps import NOT_ANNOUNCED, Connection, announce, claim, reconcile, refused, unchanged, value

_CHECK_VIOLATION = "23514"


@pytest.mark.parametrize("extra", ["'{}'", "'{a}'", "'{a,b,c}'", "'[2:3]={a,b}'", "'{{a},{b}}'"])
def test_cells_are_as_many_as_the_columns_that_were_announced(conn: Connection, extra: str) -> None:
    """A cell stands for the column of its place: with others no reader could tell whose it is."""
    held = claim(conn)
    insert = (
        "insert into ingest.landed_rows"
        " (run_no, row_number, attempt, chunk_no, line_start, line_end, error_code, extra)"
        f" values (%s, 1, 1, 0, 2, 2, 'BAD', null), (%s, 2, 1, 0, 2, 2, 'BAD', {extra})"
    )
    with unchanged(conn), refused(NOT_ANNOUNCED), conn.transaction():
        announce(conn, held, 2, extra_columns=("Notes", "Judge"))
        conn.execute(insert.encode(), (held.run_no, held.run_no))


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ([["Notes"], ["Judge"]], _CHECK_VIOLATION),
        (["n" * (16 << 20), "m"], _CHECK_VIOLATION),
        (["Notes", None], "22023"),
        (["Notes", "Notes"], "22023"),
    ],
    ids=["of lists", "too long", "without a name", "twice"],
)
def test_the_columns_of_a_chunk_are_a_list_of_names(conn: Connection, columns: list, state: str) -> None:
    """The views name each cell by them."""
    held = claim(conn)
    with unchanged(conn), refused(state):
        announce(conn, held, 1, extra_columns=columns)


@pytest.mark.parametrize("cells", ["array[repeat('x', 65 << 20)]", "(select compressed.cells from compressed)"])
def test_cells_are_no_more_than_a_view_can_show(conn: Connection, cells: str) -> None:
    """One row of more would fail the query of whoever reads it."""
    held = claim(conn)
    conn.execute("create temporary table compressed as select array[repeat('x', 65 << 20)] as cells")
    assert value(conn, "select pg_column_size(cells) from compressed") < 1 << 20
    insert = (
        "insert into ingest.landed_rows"
        " (run_no, row_number, attempt, chunk_no, line_start, line_end, error_code, extra)"
        f" values (%s, 1, 1, 0, 2, 2, 'BAD', {cells})"
    )
    with unchanged(conn), refused("54000"), conn.transaction():
        announce(conn, held, 1, extra_columns=["Notes"])
        conn.execute(insert.encode(), (held.run_no,))


def test_extra_is_shown_under_its_names(conn: Connection) -> None:
    """Each chunk by those that it was announced with; null where a row has no such cells."""
    held = claim(conn)
    insert = (
        "insert into ingest.landed_rows (run_no, row_number, attempt, chunk_no, line_start, line_end, dedupe_key,"
        " plaintiff_name, extra) values (%s, %s, 1, %s, 2, 2, gen_random_uuid(), 'Ada', %s)"
    )
    sent = (("Notes", "Judge"), ["x", None]), (("Judge",), [""]), ((), None)
    for chunk, (columns, cells) in enumerate(sent):
        with conn.transaction():
            announce(conn, held, 1, chunk=chunk, first_row=chunk + 1, extra_columns=columns)
            conn.execute(insert, (held.run_no, chunk + 1, chunk, cells))
    assert reconcile(conn, held.run_id, 3, held=held)[0]
    for view in ("plaintiffs_raw", "v_plaintiffs"):
        shown = conn.execute(f"select extra from ingest.{view} order by row_number".encode()).fetchall()
        assert shown == [({"Notes": "x", "Judge": None},), ({"Judge": ""},), (None,)]
