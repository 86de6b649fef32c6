"""The seams of the `logging` module: a filter and a formatter over one function on a record."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from plaintiff_moat.redaction.faults import safe_traceback
from plaintiff_moat.redaction.lines import redact_line
from plaintiff_moat.redaction.text import redact
from plaintiff_moat.redaction.values import redact_value

__all__ = ["PIIRedactionFilter", "RedactingFormatter", "scrub", "scrub_message"]

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_LOOKED_AT_APART = frozenset({"msg", "args", "exc_info"})
_WITHHELD = "a log record was withheld: it cannot be read, so it cannot be redacted"


def scrub(record: logging.LogRecord) -> None:
    """Leaves nothing in the record that `redact` would replace, and no text of a database error; never raises.

    A record with nothing to hide keeps its template, arguments, exception and extra fields as they were.
    """
    try:
        scrub_message(record)
        if record.exc_info and record.exc_info[1] is not None:
            _scrub_exception(record, record.exc_info[1])
        _scrub_fields(record)
    except Exception:  # noqa: BLE001 - what breaks its own redaction is not shown
        for name in record.__dict__.keys() - _STANDARD:
            del record.__dict__[name]
        record.msg, record.args = _WITHHELD, ()
        record.exc_info = record.exc_text = record.stack_info = None


def scrub_message(record: logging.LogRecord) -> None:
    """Redacts template and arguments, each alone and both merged: a number may be split over arguments."""
    args = record.args
    record.msg = record.msg if isinstance(record.msg, str) else redact_value(record.msg)
    record.args = redact_value(args)
    message = _merged(record)
    if message is None:
        # `%d` refuses a token: merge the numbers themselves, redact afterwards.
        safe, record.args = record.args, _with_numbers(args, record.args)
        message = _merged(record) or f"{record.msg} {safe}"
        record.msg, record.args = redact(message), ()
    elif (clean := redact(message)) is not message:
        record.msg, record.args = clean, ()


def _merged(record: logging.LogRecord) -> str | None:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the template are told beside it
        return None


def _with_numbers(args: Any, safe: Any) -> Any:
    if isinstance(args, Mapping):
        return dict(zip(args, _with_numbers(tuple(args.values()), tuple(safe.values())), strict=True))
    if not isinstance(args, tuple):
        return safe
    return tuple(raw if hasattr(raw, "__float__") else clean for raw, clean in zip(args, safe, strict=True))


def _scrub_exception(record: logging.LogRecord, error: BaseException) -> None:
    safe, text = safe_traceback(error)
    if safe is not error:
        record.exc_info = (type(safe), safe, safe.__traceback__)
        record.exc_text = text.rstrip("\n")


def _scrub_fields(record: logging.LogRecord) -> None:
    fields = record.__dict__
    extra = {name: value for name, value in fields.items() if name not in _STANDARD}
    clean = redact_value(extra)
    if clean is not extra:
        for name in extra:
            del fields[name]
        fields.update(clean)
    for name in _STANDARD - _LOOKED_AT_APART:
        if isinstance(value := fields.get(name), str):
            fields[name] = redact(value)


class PIIRedactionFilter(logging.Filter):
    """Lets every record pass, scrubbed, so that any formatter behind it is safe.

    Put it on handlers: `logging` asks the filters of a logger only about what is logged through that very
    logger, so that on the root logger it would not see the records of any other. `install()` covers all.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrubs the record in place, for every handler that comes after."""
        scrub(record)
        return super().filter(record)


class RedactingFormatter(logging.Formatter):
    """Formats nothing that `redact` would replace, in itself or through the formatter that it is given.

    Takes what `logging.Formatter` takes, hence stands in a `dictConfig` as its `class` or `()`; with
    `formatter=` it wraps another one (JSON, colours). The record is left as it was, for other handlers.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
        *,
        defaults: Mapping[str, Any] | None = None,
        formatter: logging.Formatter | None = None,
    ) -> None:
        super().__init__(fmt, datefmt, style, validate, defaults=defaults)
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """The final line: scrubbed record, formatted, and redacted once more as a whole; JSON stays JSON."""
        twin = record.__class__.__new__(record.__class__)
        twin.__dict__.update(record.__dict__)
        if twin.exc_info:
            # Another formatter may have left its unredacted traceback here.
            twin.exc_text = None
        scrub(twin)
        return redact_line(self._formatter.format(twin) if self._formatter else super().format(twin))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the signature of `logging`
        """The traceback, without the text of database errors and without what `redact` would replace."""
        return super().formatException(ei) if ei[1] is None else safe_traceback(ei[1])[1].rstrip("\n")
