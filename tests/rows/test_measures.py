"""What a chunk looks like as a whole."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plaintiff_moat.rows.amounts import DIGITS, SIGNED, parse_amount
from plaintiff_moat.rows.mapping_files import load_mapping
from plaintiff_moat.rows.measure import measure
from plaintiff_moat.rows.prepare import prepare

HEADER = ("Plaintiff Name", "Case Number", "Amount")


def measured(*records):
    """Measure records of three cells."""
    size = len(records)
    places = {name: pl.int_range(size, eager=True) for name in ("row_number", "line_start", "line_end")}
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, size)
    cells = pl.DataFrame(records, dict.fromkeys(("c0", "c1", "c2"), pl.String), orient="row")
    frame = pl.DataFrame(places).with_columns(error_code=nothing, error_message=nothing, raw=nothing).hstack(cells)
    mapping = load_mapping("generic").bind(HEADER)
    return measure(frame, prepare(frame, HEADER, mapping, "manual"), mapping)


@given(st.lists(st.tuples(st.booleans(), st.decimals(0, 999_999_999_999, places=2) | st.none())))
def test_amounts_are_summed_up_exactly(records):
    """Those of valid records and those of rejects apart, to the cent."""
    sent = [("Ada" if is_valid else None, "A-1", None if value is None else str(value)) for is_valid, value in records]
    found = measured(*sent)
    for total, side in ((found.valid_total, True), (found.rejected_total, False)):
        assert total == sum((value or 0 for is_valid, value in records if is_valid is side), Decimal(0))
        assert total.as_tuple().exponent == -2


_LIKE_SIGNED = st.text("0123,.$ -()", max_size=14) | st.from_regex(
    SIGNED.replace("{1,2}0*", "{1,3}0*"), fullmatch=True, alphabet=st.characters(codec="ascii")
)


@given(st.lists(_LIKE_SIGNED))
@example(
    ["0" * 30 + "9" * DIGITS + ".10", "9" * (DIGITS + 1), "-" + "9" * DIGITS, "( )", "(", "$", "-", "$-1", "$ (1 )"]
)
def test_rejects_have_the_amounts_that_are_written(sent):
    """Negative ones too, in each of the ways in which they are written; what is none is counted."""
    found = measured(*((None, "A-1", text or None) for text in sent))
    texts = [text.strip() for text in sent]
    read = [parse_amount(text) for text in texts]
    kept = [amount for amount in read if amount is not None and abs(amount) < 10**DIGITS]
    assert found.rejected_total == sum(kept, Decimal(0))
    assert found.unread_amounts == sum(text != "" for text in texts) - len(kept)


def test_the_sum_of_the_largest_amounts_of_a_chunk_is_exact():
    """It is beyond what 64 bits hold of cents."""
    assert measured(*[("Ada", "A-1", "999999999999.99")] * 100_000).valid_total == 100_000 * Decimal("999999999999.99")


@given(
    st.lists(st.tuples(*[st.none() | st.text("aé \t\x1f\u00a0\u3000\ufeff", min_size=1, max_size=20)] * 2), min_size=1)
)
def test_cells_with_more_than_white_space_are_filled(pairs):
    """White space of any script, and byte order marks, are nothing."""
    records = [("Ada", *pair) for pair in pairs]
    columns = list(zip(*records, strict=True))
    assert measured(*records).filled == tuple(
        sum(bool(cell and _stripped(cell)) for cell in column) for column in columns
    )


def _stripped(text):
    return text.strip(" \t\u00a0\u3000\ufeff")


def test_rows_that_prepare_did_not_make_are_refused():
    """Rather than summed up as something else."""
    cells = pl.DataFrame({"line_start": [2], "line_end": [2], "c0": ["Ada"], "c1": ["A-1"], "c2": ["x"]})
    rows = pl.DataFrame({"error_code": pl.Series([None], dtype=pl.String), "judgment_amount": ["12.345"]})
    with pytest.raises(ValueError, match="two decimals"):
        measure(cells, rows, load_mapping("generic").bind(HEADER))
