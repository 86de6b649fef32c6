"""`redact_dict`: nested data of any type."""

from collections import OrderedDict, namedtuple
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pytest

from plaintiff_moat.redaction import CARD_TOKEN, EMAIL_TOKEN, SSN_TOKEN, redact_dict

Cell = namedtuple("Cell", ["column", "value"])  # noqa: PYI024 - the untyped kind must survive as well


def test_text_is_redacted_at_any_depth() -> None:
    """Dicts, lists, tuples and sets within each other, and the keys as well."""
    data = {"a": [{"b": ("SSN 123-45-6789", {"x 4111111111111111"})}], "123-45-6789": 1}
    assert redact_dict(data) == {"a": [{"b": (f"SSN {SSN_TOKEN}", {f"x {CARD_TOKEN}"})}], SSN_TOKEN: 1}


def test_the_given_data_is_not_changed_and_not_shared() -> None:
    """The result is new all the way down, so that changing it changes nothing else."""
    data = {"rows": [{"note": "123-45-6789"}, {"note": "fine"}]}
    clean = redact_dict(data)
    clean["rows"][1]["note"] = "changed"
    assert data == {"rows": [{"note": "123-45-6789"}, {"note": "fine"}]}


@pytest.mark.parametrize(
    "key",
    ["ssn", "SSN", "debtorSSN", "social_security_number", "Social Security", "TIN", "card_number", "Card-Number", "cvv",
     "CVV2", "creditCard", "accountNumber", "password", "api_key", "token", "tax_identification_number",
     "taxIdentificationNumber", "card_verification_value", "Card-Verification-Code", "card_pan", "cardPan", "panNumber",
     "csc", "card-csc", "socsecno", "socSecNo", "tinnumber", "tin-number", b"ssn", b"Card Number"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["x", 7, None, ["a"], {"b": 1}])
def test_a_sensitive_key_hides_its_value_whatever_it_is(key: str | bytes, value: object) -> None:
    """In any spelling of the key; type and length of the value are not told either."""
    assert redact_dict({"outer": {key: value}}) == {"outer": {key: "[REDACTED]"}}


@pytest.mark.parametrize("key", ["business", "card_type", "token_count", "attempt", "session", "testing", "message"])
def test_a_key_that_only_resembles_a_sensitive_one_hides_nothing(key: str) -> None:
    """Whole words decide."""
    assert redact_dict({key: "x"}) == {key: "x"}


def test_further_sensitive_keys_come_on_top() -> None:
    """In any spelling, and without uncovering the known ones."""
    clean = redact_dict({"Case Note": "x", "ssn": "y", "z": "z"}, sensitive_keys={"case_note"})
    assert clean == {"Case Note": "[REDACTED]", "ssn": "[REDACTED]", "z": "z"}


@pytest.mark.parametrize(
    "value",
    [
        123456789,
        4111111111111111,
        123456789.0,
        Decimal(123456789),
        Path("/in/123-45-6789.csv"),
        ValueError("123456789"),
    ],
)
def test_a_value_whose_text_holds_a_number_becomes_that_text_redacted(value: object) -> None:
    """Numbers, paths, exceptions and objects."""
    clean = redact_dict({"value": value})["value"]
    assert SSN_TOKEN in clean or CARD_TOKEN in clean


@pytest.mark.parametrize("value", [0, True, None, 1.5, Decimal("1234.50"), b"abc", Path("/in/a.csv")])
def test_any_other_value_stays_what_it_is(value: object) -> None:
    """Type and identity are kept where there is nothing to hide."""
    assert redact_dict({"value": value})["value"] is value


def test_bytes_stay_bytes() -> None:
    """In UTF-8 or not; what is around the number is kept to the byte."""
    assert redact_dict({"line": b"\xff 123-45-6789 \xc3\xa9"}) == {"line": b"\xff [SSN_REDACTED] \xc3\xa9"}


def test_keys_that_read_alike_once_redacted_are_all_kept() -> None:
    """Numbered in their order, whatever their type, and beside a key that is the token itself."""
    data = {"4111111111111111": 1, "4222222222222": 2, 5500000000000004: 3, CARD_TOKEN: 4, f"{CARD_TOKEN} (2)": 5}
    clean = redact_dict(data)
    assert sorted(clean.values()) == [1, 2, 3, 4, 5]
    assert list(clean)[:3] == [CARD_TOKEN, f"{CARD_TOKEN} (2)", f"{CARD_TOKEN} (3)"]
    assert redact_dict({b"123-45-6789": 1, b"987-65-4321": 2}) == {b"[SSN_REDACTED]": 1, b"[SSN_REDACTED] (2)": 2}


@pytest.mark.parametrize("data", [["123-45-6789"], "123-45-6789", None])
def test_anything_but_a_mapping_is_refused(data: Any) -> None:
    """With what is accepted instead, and without the value."""
    with pytest.raises(TypeError, match="takes a mapping, not") as refused:
        redact_dict(data)
    assert "6789" not in str(refused.value)


def test_containers_keep_their_kind() -> None:
    """Named tuples and frozen sets stay such; any mapping becomes a dict."""
    data = MappingProxyType(
        {"cell": Cell("a", "123-45-6789"), "set": frozenset({"123-45-6789"}), "map": OrderedDict(a=1)}
    )
    assert redact_dict(data) == {"cell": Cell("a", SSN_TOKEN), "set": frozenset({SSN_TOKEN}), "map": {"a": 1}}


def test_options_are_those_of_redact() -> None:
    """They reach every depth."""
    data = {"to": ["ann@mail.example.com 123-45-6789"]}
    assert redact_dict(data, redact_email=True, redact_ssn=False) == {"to": [f"{EMAIL_TOKEN} 123-45-6789"]}


def test_data_that_contains_itself_comes_to_an_end() -> None:
    """What is nested too deep to be looked at is not shown."""
    data: dict[str, Any] = {"ssn here": "123-45-6789"}
    data["self"] = data
    assert "123-45-6789" not in str(redact_dict(data))


def test_an_object_that_cannot_be_read_is_not_shown() -> None:
    """What raises when asked for its text cannot be vouched for."""

    class Unreadable:
        def __str__(self) -> str:
            raise RuntimeError("123-45-6789")

    assert redact_dict({"value": Unreadable()}) == {"value": "[REDACTED]"}


def test_a_database_error_among_the_values_is_described() -> None:
    """Its message may quote a row that no rule would recognise."""
    assert redact_dict({"error": psycopg.errors.UniqueViolation("Key (name)=(Ann Plaintiff)")}) == {
        "error": "UniqueViolation (SQLSTATE 23505)"
    }


def test_what_is_held_many_times_is_walked_once() -> None:
    """Data that contains itself on many ways, or shares its parts on every level, costs what its parts cost."""
    root: dict[str, object] = {"ssn in a note": "123-45-6789"}
    root["children"] = [{"parent": root} for _ in range(10)]
    shared: dict[str, object] = {"note": "123-45-6789"}
    for _ in range(45):
        shared = {"left": shared, "right": shared}
    assert "6789" not in repr(redact_dict(root))
    clean = redact_dict(shared)
    for _ in range(45):
        clean = clean["left"]
    assert clean == {"note": SSN_TOKEN}
