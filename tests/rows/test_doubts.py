"""Warnings: what is kept as sent and marked."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.rows import WarningCode
from plaintiff_moat.rows.states import STATES
from plaintiff_moat.rows.warn import array_literals, emails_doubtful, states_unknown

# The grammar of emails_doubtful as a regular expression, which says the same more slowly.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LONGEST = 254
_EMAIL = rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])"


def state_doubted(text):
    """Apply the rule to one cell."""
    return states_unknown(pl.Series([text], dtype=pl.String)).item()


def email_doubted(text):
    """Apply the rule to one cell."""
    return emails_doubtful(pl.Series([text], dtype=pl.String)).item()


@pytest.mark.parametrize(
    "sent",
    [
        "ada@example.com", "Ada.Lovelace+law@mail.example.co.uk", "o'hara@example.org", "a@b.co", "x_y-z@ex-ample.com",
        "1@2.org", "a@xn--bcher-kva.example", "a" * 64 + "@example.com", "a@" + "b" * 63 + ".com",
    ],
)  # fmt: skip
def test_usual_addresses_are_not_doubted(sent):
    """Any dot-atom at a domain, up to the RFC's lengths."""
    assert email_doubted(sent) is False


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
    assert email_doubted(sent) is True


_PART = st.text("aZ09-_.@!é \n", max_size=6) | st.sampled_from(["a" * 62, "b" * 63, "c" * 64, "example", "com", "."])


_PIECES = st.lists(st.sampled_from(["a", "Zb", "example", "1", "-", ".", "@", "com", "_"]), min_size=5, max_size=30)


@given(
    st.lists(
        st.lists(_PART, max_size=7).map("".join)
        | _PIECES.map("".join)
        | st.from_regex(_EMAIL, fullmatch=True)
        | st.none()
    )
)
def test_addresses_are_those_of_the_grammar(sent):
    """Whatever was sent, each cell by itself."""

    def is_usual(text):
        return len(text.encode()) <= _LONGEST and re.fullmatch(_EMAIL, text) is not None

    are_doubtful = [text is not None and not is_usual(text) for text in sent]
    assert emails_doubtful(pl.Series(sent, dtype=pl.String)).to_list() == are_doubtful


@pytest.mark.parametrize("sent", [*STATES, *STATES.values(), "ny", "new york", "NEW YORK", "U.S. Virgin Islands"])
def test_states_are_known_by_code_and_by_name(sent):
    """In any case, possessions and the military among them."""
    assert state_doubted(sent) is False


@pytest.mark.parametrize("sent", ["N.Y.", "XX", "NYC", "Ontario", "New  York", "-"])
def test_other_states_are_doubted(sent):
    """They are kept as sent."""
    assert state_doubted(sent) is True


def test_an_empty_cell_is_never_doubted():
    """Nothing was said, so nothing can be wrong."""
    assert email_doubted(None) is False
    assert state_doubted(None) is False
    assert states_unknown(pl.Series(["NY", None, "XX"])).to_list() == [False, False, True]


def test_warnings_are_written_as_postgresql_writes_an_array():
    """In one order, and null where there is none."""
    values = [
        (False, False, False, False),
        (True, False, False, False),
        (False, True, True, False),
        (True, True, True, True),
    ]
    doubts = dict(zip(WarningCode, pl.DataFrame(values, orient="row"), strict=True))
    assert array_literals(doubts).to_list() == [
        None,
        "{EMAIL_SYNTAX}",
        "{PHONE_UNRECOGNISED,STATE_UNKNOWN}",
        "{EMAIL_SYNTAX,PHONE_UNRECOGNISED,STATE_UNKNOWN,REDACTED_CELL}",
    ]
