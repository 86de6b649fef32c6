"""A frame of cells into a frame of records to land: every record valid, or a reject with its reason."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from plaintiff_moat.rows import normalise, payload, warn
from plaintiff_moat.rows.codes import ErrorCode, WarningCode, message
from plaintiff_moat.rows.columns import CANONICAL_COLUMNS, LANDING_COLUMNS
from plaintiff_moat.rows.contents import contents
from plaintiff_moat.rows.furniture import totals_lines, with_footers
from plaintiff_moat.rows.header_rows import repeated_headers, with_headers
from plaintiff_moat.rows.headers import labels
from plaintiff_moat.rows.identity import dedupe_keys
from plaintiff_moat.rows.mapping import BoundMapping
from plaintiff_moat.rows.phones import e164

__all__ = ["prepare"]

# A field of jsonb holds at most 256 MiB, a message to PostgreSQL 1 GiB, and JSON may write a byte as six.
RECORD_LIMIT: Final = 16 << 20
# What anybody can see. Control and format characters, white space, what Unicode has a display ignore (UAX #44,
# Default_Ignorable_Code_Point) and the empty Braille pattern are nothing to the eye, such as what a keyboard or a
# database leaves in an empty field.
_SEEN: Final = r"[^\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\x{2800}]"


class _Rule(NamedTuple):
    code: ErrorCode
    fails: pl.Expr
    message: str


def prepare(frame: pl.DataFrame, header: Sequence[str], mapping: BoundMapping, source_system: str) -> pl.DataFrame:
    """Give the same records in the same order with exactly `LANDING_COLUMNS`, fit for COPY without a failure.

    `frame` has row_number, line_start, line_end, error_code, error_message, raw and the cells c0, c1, … as sent.
    A reject keeps no canonical value: what it held stands, redacted, in raw_payload. `extra` is a struct of the cells
    that the mapping does not take, by their labels; null when it takes every column. Amounts and dates are text, so that no binary fraction ever touches them. Raises
    BadInput for the header of another table.
    """
    names = labels(header)
    read = _read(with_headers(with_footers(frame), header), mapping)
    read = read.with_columns(
        is_header=repeated_headers(read, header, mapping),
        is_totals=totals_lines(read),
        is_nameless=_nameless(read["plaintiff_name"]),
        is_no_amount=_no_amounts(read["judgment_amount"], read["amount"]),
    )
    judged = _judge(read, _rules(names, mapping))
    valid = pl.col("error_code").is_null()
    extra = payload.unmapped(names, mapping.extra, mapping.sensitive)
    landed = judged.with_columns(
        *(pl.when(valid).then(value).alias(column) for column, value in _values().items()),
        extra=pl.when(valid).then(extra),
        warnings=warn.array_literal({code: valid & doubt for code, doubt in _doubts().items()}),
    )
    keys = dedupe_keys(landed[list(mapping.mapping.identity)], source_system)
    return landed.with_columns(
        dedupe_key=pl.when(valid).then(keys),
        raw_payload=_payloads(judged, names, mapping),
    )[list(LANDING_COLUMNS)]


def _read(frame: pl.DataFrame, mapping: BoundMapping) -> pl.DataFrame:
    """Add the canonical columns as sent but trimmed, what was read or doubted of some of them, and `contents`."""
    sent = (normalise.trimmed(frame[f"c{at}"]).alias(column) for column, at in mapping.columns)
    mapped = {column for column, _ in mapping.columns}
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    unmapped = (nothing.alias(column) for column in CANONICAL_COLUMNS if column not in mapped)
    read = frame.with_columns(*contents(frame.select("^c[0-9]+$")), *sent, *unmapped)
    return read.with_columns(
        amount=normalise.amounts(read["judgment_amount"]),
        day=normalise.days(read["judgment_date"]),
        phone=e164(read["contact_phone"]),
        is_email_doubtful=warn.emails_doubtful(read["contact_email"]),
    )


def _nameless(names: pl.Series) -> pl.Series:
    """Tell which of these are empty, or hold nothing that anybody can see.

    One that begins with a visible character of ASCII is told by two comparisons: of a million names a tenth of what
    looking at each costs.
    """
    is_doubtful = names.is_null() | (names < "!") | (names > "~")
    suspects = is_doubtful.arg_true()
    if suspects.is_empty():
        return is_doubtful
    is_seen = pl.all().str.contains(_SEEN).fill_null(value=False)
    return is_doubtful.scatter(suspects, names[suspects].to_frame().select(~is_seen).to_series())


def _no_amounts(sent: pl.Series, read: pl.Series) -> pl.Series:
    """Tell which were sent and are not even written as amounts; only those that were not read are looked at."""
    is_unread = sent.is_not_null() & read.is_null()
    suspects = is_unread.arg_true()
    if suspects.is_empty():
        return is_unread
    is_shaped = sent[suspects].to_frame().select(normalise.is_amount_shaped(pl.all())).to_series()
    return is_unread.scatter(suspects, ~is_shaped)


def _values() -> dict[str, pl.Expr]:
    read = {
        "contact_phone": pl.coalesce("phone", "contact_phone"),
        "judgment_amount": pl.col("amount"),
        "judgment_date": pl.col("day"),
    }
    return {column: read.get(column, pl.col(column)) for column in CANONICAL_COLUMNS}


def _doubts() -> dict[WarningCode, pl.Expr]:
    return {
        WarningCode.EMAIL_SYNTAX: pl.col("is_email_doubtful"),
        WarningCode.PHONE_UNRECOGNISED: pl.col("contact_phone").is_not_null() & pl.col("phone").is_null(),
        WarningCode.STATE_UNKNOWN: warn.state_unknown(pl.col("state")),
        WarningCode.REDACTED_CELL: pl.col("holds_placeholder"),
    }


def _rules(names: Sequence[str], mapping: BoundMapping) -> list[_Rule]:
    """List the rules in the order of `ErrorCode`: the first that fails is the one that is reported."""
    identity = mapping.mapping.identity
    fails = {
        ErrorCode.REPEATED_HEADER: pl.col("is_header"),
        ErrorCode.TOTALS_LINE: pl.col("is_totals"),
        ErrorCode.NUL_CHARACTER: pl.col("holds_nul"),
        ErrorCode.RECORD_TOO_LARGE: pl.col("size") > RECORD_LIMIT,
        ErrorCode.MISSING_PLAINTIFF_NAME: pl.col("is_nameless"),
        ErrorCode.MISSING_IDENTITY: pl.all_horizontal(pl.col(column).is_null() for column in identity),
        ErrorCode.INVALID_AMOUNT: pl.col("is_no_amount"),
        ErrorCode.AMOUNT_OUT_OF_RANGE: pl.col("judgment_amount").is_not_null() & pl.col("amount").is_null(),
        ErrorCode.INVALID_DATE: pl.col("judgment_date").is_not_null() & pl.col("day").is_null(),
    }
    subjects = {
        ErrorCode.MISSING_PLAINTIFF_NAME: "plaintiff_name",
        ErrorCode.INVALID_AMOUNT: "judgment_amount",
        ErrorCode.AMOUNT_OUT_OF_RANGE: "judgment_amount",
        ErrorCode.INVALID_DATE: "judgment_date",
    }
    places = dict(mapping.columns)

    def text(code: ErrorCode) -> str:
        column = subjects.get(code, ", ".join(identity))
        label = names[places[column]] if column in places else ""
        return message(code, column=column, label=label, limit=RECORD_LIMIT)

    return [_Rule(code, fails[code], text(code)) for code in ErrorCode]


def _judge(read: pl.DataFrame, rules: Sequence[_Rule]) -> pl.DataFrame:
    """Add the code and message of the first rule that fails; the reader's own verdict stands before all."""
    first = pl.coalesce(pl.when(rule.fails).then(pl.lit(at, pl.UInt8)) for at, rule in enumerate(rules))
    unread = pl.col("error_code").is_not_null()
    verdict = read.with_columns(verdict=pl.when(~unread).then(first))
    codes = pl.lit(pl.Series([str(rule.code) for rule in rules]))
    messages = pl.lit(pl.Series([rule.message for rule in rules]))
    return verdict.with_columns(
        error_code=pl.coalesce("error_code", codes.gather(pl.col("verdict"))),
        error_message=pl.coalesce("error_message", messages.gather(pl.col("verdict"))),
    )


def _payloads(judged: pl.DataFrame, names: Sequence[str], mapping: BoundMapping) -> pl.Series:
    """Give the payload of each reject, and null for every valid record."""
    payloads = judged["raw"].clear(judged.height)
    is_read = judged["verdict"].is_not_null()
    readable = is_read.arg_true()
    unreadable = (judged["error_code"].is_not_null() & ~is_read).arg_true()
    if not readable.is_empty():
        cells = payload.readable_payload(judged[readable], names, mapping.sensitive)
        payloads = payloads.scatter(readable, cells)
    if not unreadable.is_empty():
        texts = payload.unreadable_payload(judged[unreadable], withheld=bool(mapping.sensitive))
        payloads = payloads.scatter(unreadable, texts)
    return payloads
