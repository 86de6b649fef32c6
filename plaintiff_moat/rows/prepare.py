"""A frame of cells into a frame of records to land: every record valid, or a reject with its reason."""

import ctypes
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from plaintiff_moat.native.arrow import taker
from plaintiff_moat.rows import normalise, payload, warn
from plaintiff_moat.rows.blank import never, nothing
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
_FIND_VISIBLE: Final = taker("moat_find_visible", ctypes.c_int64, ctypes.c_void_p)
# What a landed record has beside its values.
_BESIDE: Final = ("row_number", "line_start", "line_end", "error_code", "error_message", "raw_payload")


class _Rule(NamedTuple):
    code: ErrorCode
    fails: pl.Series
    message: str


class _Rejects(NamedTuple):
    records: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    codes: pl.Series
    messages: pl.Series


def prepare(frame: pl.DataFrame, header: Sequence[str], mapping: BoundMapping, source_system: str) -> pl.DataFrame:
    """Give the same records in the same order with exactly `LANDING_COLUMNS`, fit for COPY without a failure.

    `frame` has row_number, line_start, line_end, error_code, error_message, raw and the cells c0, c1, … as sent.
    A reject keeps no canonical value: what it held stands, redacted, in raw_payload. `extra` is a struct of the cells
    that the mapping does not take, by their labels; null when it takes every column. Amounts and dates are text, so
    that no binary fraction ever touches them. Raises BadInput for the header of another table.
    """
    names = labels(header)
    read = _read(with_headers(with_footers(frame), header), mapping)
    rejects = _judge(read, _rules(read, header, names, mapping))
    judged = read.with_columns(
        read["error_code"].scatter(rejects.records, rejects.codes),
        read["error_message"].scatter(rejects.records, rejects.messages),
        _payloads(read, rejects.records, names, mapping).alias("raw_payload"),
    )
    landed = pl.DataFrame(
        {
            **_values(read),
            "extra": payload.unmapped(read, names, mapping.extra, mapping.sensitive),
            "dedupe_key": dedupe_keys(read[list(mapping.mapping.identity)], source_system),
            "warnings": warn.array_literals(_doubts(read)),
        }
    )
    return judged[list(_BESIDE)].hstack(_without(landed, judged["error_code"]))[list(LANDING_COLUMNS)]


def _read(frame: pl.DataFrame, mapping: BoundMapping) -> pl.DataFrame:
    """Add the canonical columns as sent but trimmed, what was read or doubted of some of them, and `contents`."""
    of_records, padded = contents(frame.select("^c[0-9]+$"))
    sent = dict.fromkeys(CANONICAL_COLUMNS, nothing(frame.height))
    for column, at in mapping.columns:
        cells = frame[f"c{at}"]
        sent[column] = normalise.trimmed(cells) if cells.name in padded else cells
    return frame.with_columns(
        *of_records,
        *(column.alias(name) for name, column in sent.items()),
        amount=normalise.amounts(sent["judgment_amount"]),
        day=normalise.days(sent["judgment_date"]),
        phone=e164(sent["contact_phone"]),
        is_email_doubtful=warn.emails_doubtful(sent["contact_email"]),
    )


def _nameless(names: pl.Series) -> pl.Series:
    """Tell which of these are empty, or hold nothing that anybody can see.

    One that begins with a visible character of ASCII is told by that alone.
    """
    are_visible = np.zeros(len(names), np.bool_)
    _FIND_VISIBLE(names, len(names), are_visible.ctypes.data)
    suspects = np.flatnonzero(~are_visible)
    doubtful = names[suspects]
    if doubtful.null_count() < len(doubtful):
        is_seen = pl.all().str.contains(_SEEN).fill_null(value=False)
        suspects = suspects[~doubtful.to_frame().select(is_seen).to_series().to_numpy()]
    return never(len(names)).scatter(suspects, values=True)


def _unread(sent: pl.Series, read: pl.Series) -> pl.Series:
    """Tell which were sent and could not be read."""
    if read.null_count() == sent.null_count():
        return never(len(sent))
    return sent.is_not_null() & read.is_null()


def _no_amounts(sent: pl.Series, is_unread: pl.Series) -> pl.Series:
    """Tell which are not even written as amounts; only those that were not read are looked at."""
    if not is_unread.any():
        return is_unread
    suspects = is_unread.arg_true()
    is_shaped = sent[suspects].to_frame().select(normalise.is_amount_shaped(pl.all())).to_series()
    return is_unread.clone().scatter(suspects, ~is_shaped)


def _unidentified(parts: pl.DataFrame) -> pl.Series:
    """Tell which records have none of these."""
    if any(part.null_count() == 0 for part in parts):
        return never(parts.height)
    return parts.select(pl.all_horizontal(pl.all().is_null())).to_series()


def _values(read: pl.DataFrame) -> dict[str, pl.Series]:
    """Give the canonical columns as they are landed: read, or as sent where that is no reason for a reject."""
    phones = read["phone"]
    if _unread(read["contact_phone"], phones).any():
        phones = read.select(pl.coalesce("phone", "contact_phone")).to_series()
    read_anew = {"contact_phone": phones, "judgment_amount": read["amount"], "judgment_date": read["day"]}
    return {column: read_anew.get(column, read[column]) for column in CANONICAL_COLUMNS}


def _doubts(read: pl.DataFrame) -> dict[WarningCode, pl.Series]:
    return {
        WarningCode.EMAIL_SYNTAX: read["is_email_doubtful"],
        WarningCode.PHONE_UNRECOGNISED: _unread(read["contact_phone"], read["phone"]),
        WarningCode.STATE_UNKNOWN: warn.states_unknown(read["state"]),
        WarningCode.REDACTED_CELL: read["holds_placeholder"],
    }


def _rules(read: pl.DataFrame, header: Sequence[str], names: Sequence[str], mapping: BoundMapping) -> list[_Rule]:
    """List the rules in the order of `ErrorCode`: the first that fails is the one that is reported."""
    identity = mapping.mapping.identity
    is_unread = _unread(read["judgment_amount"], read["amount"])
    fails = {
        ErrorCode.REPEATED_HEADER: repeated_headers(read, header, mapping),
        ErrorCode.TOTALS_LINE: totals_lines(read),
        ErrorCode.NUL_CHARACTER: read["holds_nul"],
        ErrorCode.RECORD_TOO_LARGE: read["size"] > RECORD_LIMIT,
        ErrorCode.MISSING_PLAINTIFF_NAME: _nameless(read["plaintiff_name"]),
        ErrorCode.MISSING_IDENTITY: _unidentified(read[list(identity)]),
        ErrorCode.INVALID_AMOUNT: _no_amounts(read["judgment_amount"], is_unread),
        ErrorCode.AMOUNT_OUT_OF_RANGE: is_unread,
        ErrorCode.INVALID_DATE: _unread(read["judgment_date"], read["day"]),
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


def _judge(read: pl.DataFrame, rules: Sequence[_Rule]) -> _Rejects:
    """Give the records that a rule rejects; of those that could not be read the reader's own verdict stands."""
    verdicts = np.full(read.height, len(rules), np.uint8)
    for at, rule in reversed(list(enumerate(rules))):
        if rule.fails.any():
            verdicts[rule.fails.to_numpy()] = at
    if read["error_code"].null_count() < read.height:
        verdicts[read["error_code"].is_not_null().to_numpy()] = len(rules)
    records = np.flatnonzero(verdicts < len(rules))
    codes = pl.Series([str(rule.code) for rule in rules])
    messages = pl.Series([rule.message for rule in rules])
    return _Rejects(records, codes[verdicts[records]], messages[verdicts[records]])


def _payloads(
    read: pl.DataFrame,
    rejects: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    names: Sequence[str],
    mapping: BoundMapping,
) -> pl.Series:
    """Give the payload of each reject, and null for every valid record."""
    payloads = nothing(read.height)
    if rejects.size:
        cells = read[[f"c{at}" for at in range(len(names))]][rejects]
        payloads = payloads.scatter(rejects, payload.readable_payload(cells, names, mapping.sensitive))
    if read["error_code"].null_count() < read.height:
        unreadable = read["error_code"].is_not_null().arg_true()
        texts = payload.unreadable_payload(read[["raw"]][unreadable], withheld=bool(mapping.sensitive))
        payloads = payloads.scatter(unreadable, texts)
    return payloads


def _without(landed: pl.DataFrame, errors: pl.Series) -> pl.DataFrame:
    """Leave nothing of the records that have an error."""
    if errors.null_count() == len(errors):
        return landed
    filled = [column.name for column in landed if column.null_count() < len(errors)]
    return landed.with_columns(pl.when(errors.is_null()).then(pl.col(filled)))
