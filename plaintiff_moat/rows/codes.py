"""Why a record is rejected or doubted: stable codes, and messages that never hold a value.

Where several rules fail, the first in the order of `ErrorCode` is reported. A record that could not be parsed
at all keeps the code and message that the reader gave it, before any of these.
"""

from enum import StrEnum
from typing import Final

__all__ = ["MESSAGES", "WARNINGS", "ErrorCode", "WarningCode", "message"]


class ErrorCode(StrEnum):
    """A rule whose failure makes a record a reject."""

    REPEATED_HEADER = "REPEATED_HEADER"
    TOTALS_LINE = "TOTALS_LINE"
    NUL_CHARACTER = "NUL_CHARACTER"
    RECORD_TOO_LARGE = "RECORD_TOO_LARGE"
    MISSING_PLAINTIFF_NAME = "MISSING_PLAINTIFF_NAME"
    MISSING_IDENTITY = "MISSING_IDENTITY"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    AMOUNT_OUT_OF_RANGE = "AMOUNT_OUT_OF_RANGE"
    INVALID_DATE = "INVALID_DATE"


class WarningCode(StrEnum):
    """A doubt about a value that is kept as it was sent."""

    EMAIL_SYNTAX = "EMAIL_SYNTAX"
    PHONE_UNRECOGNISED = "PHONE_UNRECOGNISED"
    STATE_UNKNOWN = "STATE_UNKNOWN"
    REDACTED_CELL = "REDACTED_CELL"


WARNINGS: Final = tuple(WarningCode)

MESSAGES: Final = {
    ErrorCode.REPEATED_HEADER: "expected a record, found the header once more; nothing is lost by leaving it out",
    ErrorCode.TOTALS_LINE: "expected a record, found a line of totals or a count; nothing is lost by leaving it out",
    ErrorCode.NUL_CHARACTER: "a cell holds a NUL character, which PostgreSQL cannot store; remove it and send it again",
    ErrorCode.RECORD_TOO_LARGE: "the record is larger than {limit} bytes; shorten it and send it again",
    ErrorCode.MISSING_PLAINTIFF_NAME: "{column} (column '{label}') is empty; every record must name its plaintiff",
    ErrorCode.MISSING_IDENTITY: "all that would identify the record is empty: {column}; fill at least one of them",
    ErrorCode.INVALID_AMOUNT: (
        "{column} (column '{label}') is not an amount; "
        "expected one such as 1234.50 or $1,234.50, not negative and exact to the cent, or an empty cell"
    ),
    ErrorCode.AMOUNT_OUT_OF_RANGE: (
        "{column} (column '{label}') is too large; expected at most 12 digits before the decimal point"
    ),
    ErrorCode.INVALID_DATE: (
        "{column} (column '{label}') is not a date; expected a real day as YYYY-MM-DD or MM/DD/YYYY, or an empty cell"
    ),
}


def message(code: ErrorCode, *, column: str = "", label: str = "", limit: int = 0) -> str:
    """Name the canonical column, the column of the file and the rule; never a value."""
    return MESSAGES[code].format(column=column, label=label, limit=f"{limit:,}")
