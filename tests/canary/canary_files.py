"""Vendor files with a number of its own in every cell, in the header and the file's name, and the search for them."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

__all__ = ["COLUMNS", "SENSITIVE", "Canaries", "write_csv"]

COLUMNS = (
    "Plaintiff Name", "Firm", "Contact Name", "Email", "Phone", "Address", "City", "State", "Zip", "Case Number",
    "Court", "County", "Judgment Amount", "Judgment Date", "Defendant", "Reference", "Notes",
)  # fmt: skip
SENSITIVE = ("Debtor SSN", "Card Number", "CVV2", "Tax ID")
_READ = {"Judgment Amount": "1,200.50", "Judgment Date": "2024-05-01"}
_VISA = "4"
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")  # of JSON: the digits of `\u2011` between two groups would part them


class Canaries:
    """Hands out numbers that nobody else has, and finds any of them in a text however it is spelled there."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self.numbers: list[str] = []

    def ssn(self, separator: str = "-") -> str:
        """A new social security number."""
        digits = self._new(str(self._random.randint(100_000_000, 899_999_999)))
        return separator.join((digits[:3], digits[3:5], digits[5:]))

    def card(self, separator: str = " ") -> str:
        """A new card number with a valid Luhn digit."""
        body = _VISA + str(self._random.randint(10**13, 10**14 - 1))
        doubled = sum(sum(divmod(int(digit) * 2, 10)) for digit in body[::2])
        digits = self._new(f"{body}{-(doubled + sum(map(int, body[1::2]))) % 10}")
        return separator.join(digits[at : at + 4] for at in range(0, 16, 4))

    def both(self) -> str:
        """One of each."""
        return f"{self.ssn()} {self.card()}"

    def record(self, name: str, **cells: str) -> list[str]:
        """A valid record, its cells each with numbers of their own but for amount and date."""
        own = {column: f"{column} {self.both()}" for column in COLUMNS} | {
            "Plaintiff Name": f"{name} {self.both()}",
            "Debtor SSN": self.ssn(),
            "Card Number": self.card(""),
            "CVV2": self.ssn(""),
            "Tax ID": self.ssn("."),
            "Ref": self.both(),
        }
        return list((own | _READ | cells).values())

    def header(self) -> list[str]:
        """Names of columns, of which the last holds a number of each kind itself."""
        return [*COLUMNS, *SENSITIVE, f"Ref {self.both()}"]

    def found(self, places: Mapping[str, str]) -> dict[str, list[str]]:
        """In which places there is a canary once NFKC has folded the text and only digits are left, and which ones."""
        bare = {place: (_digits(text), _digits(_ESCAPED.sub("", text))) for place, text in places.items()}
        seen = {place: [n for n in self.numbers if any(n in text for text in texts)] for place, texts in bare.items()}
        return {place: numbers for place, numbers in seen.items() if numbers}

    def _new(self, digits: str) -> str:
        self.numbers.append(digits)
        return digits


def _digits(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text) if char.isdecimal())


def write_csv(path: Path, rows: Iterable[list[str]]) -> Path:
    """Write the rows as UTF-8 with CRLF."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
