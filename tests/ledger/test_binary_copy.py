"""What goes to the server as binary COPY is what text would have been."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import polars as pl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.ledger.binary_copy import Kind, binary_copy
from plaintiff_moat.ledger.landing import KINDS

_TYPES = {
    Kind.INTEGER: "integer",
    Kind.TEXT: "text",
    Kind.JSONB: "jsonb",
    Kind.UUID: "uuid",
    Kind.DATE: "date",
    Kind.NUMERIC: "numeric",
    Kind.TEXT_ARRAY: "text[]",
}
_COLUMNS = {kind.name.lower(): kind for kind in Kind}
# beyond twelve bytes, texts lie elsewhere than short ones
_TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20), st.text('a\n",é', min_size=9)
)
_VALUES = {
    Kind.INTEGER: st.integers(-(1 << 31), (1 << 31) - 1),
    Kind.TEXT: _TEXTS,
    Kind.JSONB: st.integers().map(lambda number: f'{{"a b": [{number}, "{number:x}", null]}}'),
    Kind.UUID: st.uuids().map(lambda uuid: uuid.hex),
    Kind.DATE: st.dates().map(date.isoformat),
    Kind.NUMERIC: st.from_regex(r"[0-9]{1,40}(\.[0-9]{1,20})?", fullmatch=True, alphabet=st.characters(codec="ascii")),
    Kind.TEXT_ARRAY: st.lists(st.from_regex("[A-Z_]{1,15}x", fullmatch=True), max_size=4).map(
        lambda codes: f"{{{','.join(codes)}}}"
    ),
}
_ROWS = st.lists(st.fixed_dictionaries({column: st.none() | _VALUES[kind] for column, kind in _COLUMNS.items()}))


def _frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    schema = {column: pl.Int64 if kind == Kind.INTEGER else pl.String for column, kind in _COLUMNS.items()}
    return pl.DataFrame(rows, schema)


@pytest.fixture
def copied(conn: psycopg.Connection) -> Callable[[pl.DataFrame], list[tuple]]:
    """Copy a frame into a table with a column of each kind; its rows as text."""
    columns = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in _COLUMNS.items())
    conn.execute(f"create temporary table sent (run integer, chunk integer, {columns})")

    def copy(frame: pl.DataFrame) -> list[tuple]:
        conn.execute("truncate sent")
        names = ", ".join(["run", "chunk", *frame.columns])
        with conn.cursor().copy(f"copy sent ({names}) from stdin (format binary)") as copy:
            copy.write(binary_copy(frame, _COLUMNS, (7, 3)))
        rows = conn.execute(f"select {names} from sent").fetchall()
        assert all(row[:2] == (7, 3) for row in rows)
        return conn.execute(f"select {', '.join(f'{column}::text' for column in _COLUMNS)} from sent").fetchall()

    return copy


def test_every_value_arrives(conn: psycopg.Connection, copied: Callable[[pl.DataFrame], list[tuple]]) -> None:
    """As the server itself would read its text."""

    @given(_ROWS)
    def check(rows: list[dict[str, object]]) -> None:
        read = ", ".join(f"%({column})s::{_TYPES[kind]}::text" for column, kind in _COLUMNS.items())
        with conn.pipeline():
            expected = [conn.execute(f"select {read}", row) for row in rows]
        assert copied(_frame(rows)) == [row for one in expected for row in one]

    check()


def test_parts_of_frames_arrive(copied: Callable[[pl.DataFrame], list[tuple]]) -> None:
    """Slices begin in the middle of a buffer, and of a byte of the bits that tell of nulls."""
    rows = [{"integer": at, "text": None if at % 3 else f"{at} is longer than twelve bytes"} for at in range(50)]
    whole = _frame(rows)
    parts = pl.concat([whole[7:20], whole[:0], whole[31:]], rechunk=False)
    assert parts.n_chunks() > 1
    sent = [*rows[7:20], *rows[31:]]
    assert [row[:2] for row in copied(parts)] == [(str(row["integer"]), row["text"]) for row in sent]
    assert copied(whole[:0]) == []
    assert copied(whole[:0].select()) == []


def test_a_calendar_is_the_servers(conn: psycopg.Connection, copied: Callable[[pl.DataFrame], list[tuple]]) -> None:
    """From its first year to the last that has four digits."""
    days = conn.execute(
        "select day::date::text from generate_series('0001-01-01'::timestamp, '9999-12-31', '29 days') as day"
    ).fetchall()
    ends = [(f"{year:04}-{day}",) for year in (1, 4, 1900, 2000, 9999) for day in ("01-01", "02-28", "03-01", "12-31")]
    sent = [*days, *ends, ("2000-02-29",), ("0004-02-29",)]
    at = list(_COLUMNS).index("date")
    assert [(row[at],) for row in copied(_frame([{"date": day} for (day,) in sent]))] == sent


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("integer", 1 << 31),
        ("integer", -(1 << 31) - 1),
        *(("uuid", text) for text in ("", "0" * 31, "0" * 33, "G" + "0" * 31, "A" + "0" * 31, "0" * 31 + "g")),
        *(("date", text) for text in ("", "2026-1-01", "2026-13-01", "2026-00-10", "2026-04-31", "2026-04-00")),
        *(
            ("date", text)
            for text in ("1900-02-29", "2026-02-29", "0000-01-01", "2026/01/01", "2026-01-0x", "26-01-01")
        ),
        *(("numeric", text) for text in ("", ".", "1.", ".5", "-1", "1e3", "1,000", "1.2.3", "1.2x", "NaN", "9" * 65)),
        *(
            ("text_array", text)
            for text in ("", "{", "}", "{,}", "{A,}", "{,A}", '{"A"}', "{A B}", "{{A}}", "A", "{A\\B}")
        ),
    ],
)
def test_another_form_is_refused_without_its_value(column: str, value: object) -> None:
    """The fault is in what was prepared, and a log may tell of it."""
    frame = _frame([{column: None}, {column: value}]).select(column)
    with pytest.raises(ValueError, match=f"^row 1 of {column} is not written as {_COLUMNS[column].name} is$"):
        binary_copy(frame, _COLUMNS, ())


@pytest.mark.parametrize(
    ("column", "dtype"), [("integer", pl.Int32), ("integer", pl.String), ("text", pl.Binary), ("text", pl.Int64)]
)
def test_another_data_type_is_refused(column: str, dtype: pl.DataType) -> None:
    """Their bytes would be read as something else."""
    with pytest.raises(ValueError, match="expected columns of Int64 and String"):
        binary_copy(pl.DataFrame({column: [None]}, {column: dtype}), _COLUMNS, ())


def test_the_kinds_are_those_of_the_table(conn: psycopg.Connection) -> None:
    """The server takes the bytes of one type for those of another, where their number fits."""
    types = dict(
        conn.execute(
            "select a.attname, a.atttypid::regtype::text from pg_attribute as a"
            " where a.attrelid = 'ingest.landed_rows'::regclass and a.attnum > 0 and not a.attisdropped"
        ).fetchall()
    )
    of_the_chunk = dict.fromkeys(("run_no", "chunk_no"), "integer")
    assert types == {column: _TYPES[kind] for column, kind in KINDS.items()} | of_the_chunk


def test_an_amount_keeps_its_cents(copied: Callable[[pl.DataFrame], list[tuple]]) -> None:
    """Around the groups of four digits that numbers are sent in."""
    amounts = ["0", "0.00", "0.01", "000.10", "9999", "10000", "10000.5", "100000000.00", "999999999999.99"]
    at = list(_COLUMNS).index("numeric")
    read = [Decimal(row[at]) for row in copied(_frame([{"numeric": amount} for amount in amounts]))]
    assert [str(amount) for amount in read] == [str(Decimal(amount)) for amount in amounts]
