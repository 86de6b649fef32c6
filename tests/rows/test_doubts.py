"""Warnings: what is kept as sent and marked."""

import polars as pl
import pytest

from plaintiff_moat.rows import WarningCode
from plaintiff_moat.rows.states import STATES
from plaintiff_moat.rows.warn import array_literal, email_doubtful, state_unknown


def doubted(rule, text):
    """Apply a rule to one cell."""
    return pl.Series("text", [text], dtype=pl.String).to_frame().select(rule(pl.col("text"))).item()


@pytest.mark.parametrize(
    "sent",
    [
        "ada@example.com", "Ada.Lovelace+law@mail.example.co.uk", "o'hara@example.org", "a@b.co", "x_y-z@ex-ample.com",
        "1@2.org", "a@xn--bcher-kva.example", "a" * 64 + "@example.com", "a@" + "b" * 63 + ".com",
    ],
)  # fmt: skip
def test_usual_addresses_are_not_doubted(sent):
    """Any dot-atom at a domain, up to the RFC's lengths."""
    assert doubted(email_doubtful, sent) is False


@pytest.mark.parametrize(
    "sent",
    [
        "no e-mail", "ada", "ada@", "@example.com", "ada@@example.com", "ada@example", ".ada@example.com",
        "ada.@example.com", "a..b@example.com", "ada@-example.com", "ada@example-.com", "ada@example..com",
        "ada@example.com.", "ada @example.com", "ada@example.com; bob@example.com", '"ada"@example.com',
        "ada@[192.0.2.1]", "zoë@example.com", "ada@example.1",
        "a" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@" + "b." * 130 + "com", "ada@example.com\n",
    ],
)  # fmt: skip
def test_unusual_addresses_are_doubted(sent):
    """They may exist; nobody should write to them unseen."""
    assert doubted(email_doubtful, sent) is True


@pytest.mark.parametrize("sent", [*STATES, *STATES.values(), "ny", "new york", "NEW YORK", "U.S. Virgin Islands"])
def test_states_are_known_by_code_and_by_name(sent):
    """In any case, possessions and the military among them."""
    assert doubted(state_unknown, sent) is False


@pytest.mark.parametrize("sent", ["N.Y.", "XX", "NYC", "Ontario", "New  York", "-"])
def test_other_states_are_doubted(sent):
    """They are kept as sent."""
    assert doubted(state_unknown, sent) is True


def test_an_empty_cell_is_never_doubted():
    """Nothing was said, so nothing can be wrong."""
    assert doubted(email_doubtful, None) is None
    assert doubted(state_unknown, None) is None


def test_warnings_are_written_as_postgresql_writes_an_array():
    """In one order, and braces alone where there is none."""
    values = [
        (False, None, False, False),
        (True, False, False, False),
        (False, True, True, False),
        (True, True, True, True),
    ]
    frame = pl.DataFrame(values, schema=dict.fromkeys(WarningCode, pl.Boolean), orient="row")
    assert frame.select(array_literal({code: pl.col(code) for code in WarningCode})).to_series().to_list() == [
        "{}",
        "{EMAIL_SYNTAX}",
        "{PHONE_UNRECOGNISED,STATE_UNKNOWN}",
        "{EMAIL_SYNTAX,PHONE_UNRECOGNISED,STATE_UNKNOWN,REDACTED_CELL}",
    ]
