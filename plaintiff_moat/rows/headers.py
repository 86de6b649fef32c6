"""Header cells: when two are one spelling, which head sensitive columns, and how they are shown.

A header cell is data from outside: it may hold a social security number (a file without a header line), escape
sequences or nothing at all. Only labels made here reach messages, keys and pages.
"""

import itertools
import re
import unicodedata
from collections.abc import Container, Sequence
from typing import Final

from plaintiff_moat.redaction import redact

__all__ = ["is_sensitive", "labels", "reduced"]

LABEL_LIMIT: Final = 100  # characters of a header that are worth showing
WORD_LIMIT: Final = 40  # words of a header that are looked at

# Federal Rule of Civil Procedure 5.2(a) lets a public filing show the last four digits of a social security,
# taxpayer identification or financial account number and the year of a birth date; PCI DSS 3.3 forbids keeping
# card security codes. The other terms are identity documents and credentials.
_TERMS: Final = frozenset(
    {
        "ssn", "ssno", "socsec", "socialsecurity", "socialinsurance", "sin",
        "itin", "tin", "ein", "fein", "taxid", "taxidnumber", "taxno", "taxnumber", "taxpayerid",
        "dob", "dateofbirth", "birthdate", "birthday",
        "cardnumber", "cardno", "cardnum", "cardnbr", "ccnumber", "ccno", "ccnum", "creditcard", "debitcard",
        "cvv", "cvc", "cvn", "securitycode",
        "accountnumber", "accountno", "accountnum", "accountnbr", "acctnumber", "acctno", "acctnum", "acctnbr",
        "bankaccount", "iban", "routingnumber", "routingno", "abanumber",
        "driverslicense", "driverlicense", "driverslicence", "driverlicence", "dlnumber", "dlno",
        "passport", "nationalid", "pin", "pinnumber", "password", "passcode",
    }
)  # fmt: skip
_STEMS: Final = (
    "socialsecurity",
    "socialinsurance",
    "creditcard",
    "debitcard",
    "cardnumber",
    "taxpayerid",
    "dateofbirth",
)
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|[\W_]+")


def reduced(header: str) -> str:
    """Give the letters and digits of a header in lower case: `PLAINTIFF-NAME` and `PlaintiffName` are one spelling."""
    text = unicodedata.normalize("NFKC", header).lower()
    return "".join(character for character in text if character.isalnum())


def is_sensitive(header: str, declared: frozenset[str] = frozenset()) -> bool:
    """Tell whether a column so headed may never be stored in clear; `declared` are further reduced spellings.

    Whole words decide, so that `Debtor SSN` is sensitive and `Business Name` is not.
    """
    whole = reduced(header)
    if whole in declared or whole.startswith("ssn") or whole.endswith("ssn"):
        return True
    return any(stem in whole for stem in _STEMS) or not _TERMS.isdisjoint(_runs(_words(header)))


def labels(header: Sequence[str]) -> tuple[str, ...]:
    """Give each column a name that is safe to show and to store: redacted, printable, not empty and unique."""
    taken: dict[str, None] = {}
    for position, cell in enumerate(header, start=1):
        label = _printable(redact(cell)) or f"column {position}"
        taken[_free(label, taken)] = None
    return tuple(taken)


def _printable(text: str) -> str:
    words = "".join(character if character.isprintable() else " " for character in text).split()
    return " ".join(words)[:LABEL_LIMIT]


def _free(label: str, taken: Container[str]) -> str:
    if label not in taken:
        return label
    return next(name for count in itertools.count(2) if (name := f"{label} ({count})") not in taken)


def _words(header: str) -> list[str]:
    text = unicodedata.normalize("NFKC", header).replace("#", " number ")
    return _WORD_BREAK.sub(" ", text).lower().split()[:WORD_LIMIT]


def _runs(words: list[str]) -> set[str]:
    places = range(len(words))
    return {"".join(words[start : stop + 1]) for start in places for stop in places[start:]}
