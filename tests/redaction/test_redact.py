"""`redact` and `contains_pii` as functions: what they promise of any text."""

import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from number_spellings import GLUED, GROUPINGS, ISSUERS, SEPARATORS, SSN_SPELLINGS, bare, grouped, random_card

from plaintiff_moat import redaction
from plaintiff_moat.redaction import CARD_TOKEN, EMAIL_TOKEN, PHONE_TOKEN, SSN_TOKEN, contains_pii, redact

_SSNS = st.from_regex(r"[0-9]{9}", fullmatch=True)
_NUMBERISH = st.text(alphabet="0123456789" * 3 + "-. \n/:,+_$%abx\\u&#;\u2011\u200b\xb2\uff11@()", max_size=80)


@given(digits=_SSNS, spelling=st.sampled_from(sorted(SSN_SPELLINGS)), glue=st.sampled_from(GLUED))
def test_no_digit_of_an_ssn_is_left(digits: str, spelling: str, glue: str) -> None:
    """Any value, in any spelling, in any surroundings: after NFKC only the digits of the surroundings remain."""
    assert bare(redact(glue.format(SSN_SPELLINGS[spelling](digits)))) == bare(glue)


@given(
    random=st.randoms(use_true_random=False),
    issuer=st.sampled_from(sorted(ISSUERS)),
    grouping=st.sampled_from(GROUPINGS),
    separator=st.sampled_from(SEPARATORS),
)
def test_no_digit_of_a_card_number_is_left(random, issuer: str, grouping: tuple[int, ...], separator: str) -> None:
    """Any number of any issuer, in any grouping."""
    assert bare(redact(f"card {grouped(random_card(random, *ISSUERS[issuer]), grouping, separator)}.")) == ""


@settings(max_examples=500)
@given(_NUMBERISH)
@example("4111111111111111.123456789.123456789.4111111111111111")
@example("41 11 11 11 11 11 11 11 123-45-6789 41 11 11 11 11 11 11 11")
@example("123-45-6789.123456789")
@example("4111-1111-1111-111.10.123.45 6789")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """What one pass uncovers, the same call has dealt with."""
    once = redact(text, redact_email=True, redact_phone=True)
    assert redact(once, redact_email=True, redact_phone=True) == once
    assert not contains_pii(once)


@given(st.text(alphabet=st.characters(exclude_categories=["Nd", "No"], exclude_characters="%\\&")))
def test_a_text_without_digits_is_the_same_object(text: str) -> None:
    """Nothing is rebuilt, so that `is` tells whether there was anything to hide."""
    assert redact(text) is text
    assert not contains_pii(text)


@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_only_the_number_is_replaced(before: str, after: str) -> None:
    """What stands around a number is kept to the character, whatever it is."""
    framed = f"{before}[123-45-6789]{after}"
    assert f"[{SSN_TOKEN}]" in redact(framed)
    assert redact(before) + f"[{SSN_TOKEN}]" + redact(after) == redact(framed)


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_comes_back_as_it_is(nothing: str | None) -> None:
    """None and the empty text are not numbers."""
    assert redact(nothing) is nothing
    assert contains_pii(nothing) is False


@pytest.mark.parametrize("other", [b"123-45-6789", b"", 123456789, 0, ["123-45-6789"]])
def test_anything_but_text_is_refused(other: Any) -> None:
    """With what is accepted instead, and without the value."""
    for function in (redact, contains_pii):
        with pytest.raises(TypeError, match="takes text or None, not") as refused:
            function(other)
        assert "6789" not in str(refused.value)


def test_each_option_governs_its_own_kind() -> None:
    """SSNs and cards unless refused, e-mail addresses and telephones only when asked."""
    text = "123-45-6789, 4111 1111 1111 1111, ann.o'neil+x@mail.example.com, (212) 555-0123"
    assert redact(text) == f"{SSN_TOKEN}, {CARD_TOKEN}, ann.o'neil+x@mail.example.com, (212) 555-0123"
    assert redact(text, redact_ssn=False, redact_card=False) is text
    everything = redact(text, redact_email=True, redact_phone=True)
    assert everything == f"{SSN_TOKEN}, {CARD_TOKEN}, {EMAIL_TOKEN}, {PHONE_TOKEN}"


def test_an_address_that_holds_an_ssn_is_one_address() -> None:
    """Asked for both, the address goes first, so that nothing of it is left beside a token."""
    assert redact("from 123456789@mail.example.com", redact_email=True) == f"from {EMAIL_TOKEN}"
    assert redact("from 123456789@mail.example.com") == f"from {SSN_TOKEN}@mail.example.com"


@pytest.mark.parametrize("text", ["2125550123", "212.555.0123", "+1 212-555-0123", "+4930901820", "+44 20 7946 0958"])
def test_telephones_are_recognised_in_their_usual_forms(text: str) -> None:
    """North American numbers in any, others in international form."""
    assert redact(f"call {text}!", redact_phone=True) == f"call {PHONE_TOKEN}!"


def seconds(attack: str, length: int) -> float:
    """Processor time to redact a line of this length that is nothing but the attack, over and over."""
    text = (attack * (length // len(attack) + 1))[:length]
    started = time.process_time()
    redact(text, redact_email=True, redact_phone=True)
    return time.process_time() - started


@pytest.mark.parametrize(
    "attack",
    [
        "1", "1 ", "123-45-", "4444 ", "4444/4444/", "4111-1111-1111-1111-", "4111111111111111.123456789.", "a12345678",
        "\\", "%25", "&amp;", "&#0", "1\u200b", "123\n", "1e", "a@", "a.", "x@a.", "+1", "\x00", "\xe2", "1\xe9",
    ],
)  # fmt: skip
def test_time_grows_with_the_length_whatever_the_text(attack: str) -> None:
    """Eight times the near misses take nowhere near sixty-four times as long."""
    assert seconds(attack, 240_000) < 24 * max(seconds(attack, 30_000), 0.005)


@pytest.mark.parametrize("attack", ["123-45-", "4111-1111-1111-1111-", "1\u200b"])
def test_a_megabyte_line_is_no_exception(attack: str) -> None:
    """One line of near misses, an escaped one and one full of findings."""
    assert seconds(attack, 1_000_000) < 24 * max(seconds(attack, 125_000), 0.005)


def test_the_package_imports_nothing_heavy() -> None:
    """Every start of the command line pays for it: the standard library, and little of that."""
    code = "import sys, plaintiff_moat.redaction; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    ours = {name for name in loaded if name.startswith("plaintiff_moat.")}
    assert {name for name in ours if not name.startswith("plaintiff_moat.redaction")} == set()
    assert loaded.isdisjoint({"psycopg", "polars", "numpy", "click", "rich", "json", "dataclasses", "inspect", "html"})


def test_the_package_exports_exactly_this() -> None:
    """A name more is a promise more."""
    assert set(redaction.__all__) == {
        "CARD_TOKEN", "EMAIL_TOKEN", "PHONE_TOKEN", "SSN_TOKEN", "PIIRedactionFilter", "RedactingFormatter",
        "SafeLogger", "contains_pii", "describe_error", "install", "redact", "redact_dict",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["2026-01-15 14:30,123-45-6789", "Ann,14:30,123456789,x", "start at 14:30,4111111111111111"]
)
def test_a_time_in_the_cell_before_does_not_hide_a_number(text: str) -> None:
    """Hours and minutes are followed by a comma in every CSV row; only a clock's seconds have decimals."""
    assert contains_pii(text)
