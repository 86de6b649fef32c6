"""Control totals: what a vendor says of a delivery, by options or in a manifest beside it, and whether that holds."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn
from uuid import UUID

from plaintiff_moat.errors import BadInput, ControlTotalMismatch
from plaintiff_moat.redaction import redact
from plaintiff_moat.rows.amounts import TOTAL_DIGITS, parse_amount

__all__ = ["MANIFEST_ENDING", "NOTHING", "ControlTotals", "Expected", "amount_of", "expected_of", "published_already"]

MANIFEST_ENDING: Final = ".manifest.json"
_MANIFEST_BYTES: Final = 64 << 10
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_KEYS: Final = ("rows", "sha256", "total_amount")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is said of a file: records, sum of their judgment amounts, SHA-256 in hex. None says nothing.

    `rows` counts every record of the file, and `total` is over every one of them whose amount can be read: duplicates
    and rejects are in both, as they are in what a vendor counts. With `strict` a file that differs from those before it
    is refused. Raises ValueError for a total with fractions of a cent and for a float, which has none that is exact.
    """

    rows: int | None = None
    total: Decimal | None = None
    sha256: str | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        if self.rows is not None and self.rows < 0:
            raise ValueError("expected a count of records, found one below zero")
        if self.total is not None and (not isinstance(self.total, Decimal) or not _is_amount(self.total)):
            raise ValueError("expected a Decimal to the cent with at most 18 digits before the decimal point")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("expected a SHA-256 as 64 hexadecimal digits")

    @property
    def says_something(self) -> bool:
        """Whether anything is to be held against the file."""
        return (self.rows, self.total, self.sha256) != (None, None, None)


NOTHING: Final = Expected()


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """What was expected of a file, beside what was found in it; None where nothing was expected or is known.

    `unread_amounts` counts the records whose amount is in no sum because it cannot be read.
    """

    rows: int | None
    found_rows: int | None
    total: Decimal | None
    found_total: Decimal | None
    sha256: str | None
    unread_amounts: int = 0

    @classmethod
    def of(
        cls, expected: Expected, found_rows: int, found_total: Decimal | None, unread: int
    ) -> "ControlTotals | None":
        """The two side by side; None when nothing was expected."""
        if not expected.says_something:
            return None
        return cls(expected.rows, found_rows, expected.total, found_total, expected.sha256, unread)

    def require(
        self, name: str, unread_lines: tuple[tuple[int, int], ...] = (), *, published: UUID | None = None
    ) -> None:
        """Raises ControlTotalMismatch when rows or total differ; a total that is not known yet does not.

        `published` is the run that has published the file already, if one has.
        """
        wrong = []
        if self.rows is not None and self.found_rows is not None and self.rows != self.found_rows:
            more = self.found_rows - self.rows
            wrong.append(f"expected {self.rows:,} records, found {self.found_rows:,} (difference {more:+,})")
        if self.total is not None and self.found_total is not None and self.total != self.found_total:
            wrong.append(
                f"expected a total amount of {self.total:,.2f}, found {self.found_total:,.2f}"
                f" (difference {self.found_total - self.total:+,.2f})"
            )
            if self.unread_amounts:
                wrong.append(_unread(self.unread_amounts, unread_lines))
        if wrong:
            end = "nothing was published; ask the vendor for the whole file, or for the right totals"
            if published is not None:
                end = published_already(published)
            raise ControlTotalMismatch(f"{name}: the control totals do not hold: {'; '.join(wrong)}; {end}")


def expected_of(path: str | os.PathLike[str], given: Expected) -> Expected:
    """What is given together with what the manifest beside the file says, `FILE.manifest.json`, if there is one.

    Raises BadInput for a manifest that cannot be read as one, and where the two contradict each other.
    """
    manifest = Path(f"{os.fspath(path)}{MANIFEST_ENDING}")
    if not os.path.lexists(manifest):
        return given
    name = redact(manifest.name)
    said = _manifest(name, manifest)
    for what, one, other in (
        ("records", given.rows, said.rows),
        ("total amount", given.total, said.total),
        ("SHA-256", given.sha256 and given.sha256.lower(), said.sha256 and said.sha256.lower()),
    ):
        if one is not None and other is not None and one != other:
            raise BadInput(f"{name}: says {_shown(other)} {what}, and {_shown(one)} was given; drop one of them")
    return replace(
        given,
        rows=said.rows if given.rows is None else given.rows,
        total=said.total if given.total is None else given.total,
        sha256=said.sha256 if given.sha256 is None else given.sha256,
    )


def published_already(run_id: UUID) -> str:
    """What to say where a file that is published already is not what is expected of it."""
    return (
        f"run {run_id} of this file is published already, does not agree with what is expected, and was left as it is;"
        f" ask the vendor which is right: `moat rollback {run_id} --dry-run` tells what undoing it would do"
    )


def amount_of(text: str) -> Decimal:
    """The amount that somebody wrote. Raises BadInput for what is none."""
    amount = parse_amount(text)
    if amount is None:
        raise BadInput("expected an amount to the cent such as 1234.50, $1,234.50 or (1,234.50), found something else")
    return amount


def _manifest(name: str, path: Path) -> Expected:
    try:
        if not path.is_file():
            raise BadInput(f"{name}: expected a manifest, found no regular file")
        with path.open("rb") as file:
            content = file.read(_MANIFEST_BYTES + 1)
    except OSError as fault:
        reason = (fault.strerror or "no reason").lower()
        raise BadInput(f"{name}: expected a manifest that can be read, found: {reason}") from None
    if len(content) > _MANIFEST_BYTES:
        raise BadInput(f"{name}: expected a manifest of a few lines, found more than {_MANIFEST_BYTES:,} bytes")
    try:
        said = json.loads(
            content.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repetitions,
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise BadInput(
            f"{name}: expected one object of JSON in UTF-8 with each key once, found something else"
        ) from None
    if not isinstance(said, dict):
        raise BadInput(f"{name}: expected an object of JSON with {', '.join(_KEYS)}, found something else")
    if not said or not said.keys() <= set(_KEYS):
        found = ", ".join(sorted(_label(key) for key in said.keys() - set(_KEYS))) or "none"
        raise BadInput(f"{name}: expected at least one of {', '.join(_KEYS)} and nothing else, found {found}")
    return Expected(
        rows=_read(name, said, "rows", "a whole number of records, 0 or more", _rows),
        total=_read(name, said, "total_amount", 'an amount to the cent such as 1234.50 or "$1,234.50"', _total),
        sha256=_read(name, said, "sha256", "a SHA-256 as 64 hexadecimal digits", _sha256),
    )


def _read(name: str, said: dict[str, Any], key: str, expected: str, read: Callable[[Any], Any]) -> Any:
    if key not in said:
        return None
    value = read(said[key])
    if value is None:
        raise BadInput(f"{name}: expected {expected} as {key}, found something else")
    return value


def _rows(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count and isinstance(value, int) else None


def _total(value: object) -> Decimal | None:
    if isinstance(value, str):
        return parse_amount(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    amount = Decimal(value)
    return amount.quantize(Decimal("0.01")) if _is_amount(amount) else None


def _sha256(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value) else None


def _is_amount(amount: Decimal) -> bool:
    # the size first: to write out a power of ten such as 1E+999999 takes its memory
    return amount.is_finite() and amount.adjusted() < TOTAL_DIGITS and amount == round(amount, 2)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _without_repetitions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key twice")
    return read


def _label(key: str) -> str:
    return repr("".join(redact(key)[:40].split("\n")))


def _shown(value: Decimal | int | str) -> str:
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return value if isinstance(value, str) else f"{value:,}"


def _unread(count: int, lines: tuple[tuple[int, int], ...]) -> str:
    named = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in lines)
    at = f" (line {named}{', and more' if count > len(lines) else ''})" if lines else ""
    return f"the amount of {count:,} {'record' if count == 1 else 'records'}{at} cannot be read and is in no sum"
