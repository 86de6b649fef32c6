"""The seams of structlog and loguru, as plain callables of the shape that each expects.

    structlog.configure(processors=[…, structlog.processors.JSONRenderer(), structlog_processor])
    loguru.logger.configure(patcher=loguru_patcher)

Neither library is imported here.
"""

import sys
from collections.abc import MutableMapping
from typing import Any

from plaintiff_moat.redaction.faults import safe_traceback
from plaintiff_moat.redaction.lines import redact_line
from plaintiff_moat.redaction.text import redact
from plaintiff_moat.redaction.values import redact_value

__all__ = ["loguru_patcher", "structlog_processor"]


def structlog_processor(_logger: object, _method_name: str, event: Any) -> Any:
    """A processor for any place in the chain; the last place, behind the renderer, sees what is printed.

    Before the renderer it also replaces `exc_info` by a safe exception, so that the text of a database error
    is never rendered. Standing in both places hides the most.
    """
    if isinstance(event, MutableMapping) and (error := _error_of(event.get("exc_info"))) is not None:
        event["exc_info"] = safe_traceback(error)[0]
    if isinstance(event, bytes):
        return redact_line(event.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return redact_line(event) if isinstance(event, str) else redact_value(event)


def loguru_patcher(record: MutableMapping[str, Any]) -> None:
    """A patcher that redacts message, extra, names and exception of the record in place.

    Formats and sinks run after it. Loguru shows the values of variables in a traceback with `diagnose=True`
    (its default): configure sinks with `diagnose=False`.
    """
    exception = record.get("exception")
    if exception is not None and exception.value is not None:
        safe, _ = safe_traceback(exception.value)
        if safe is not exception.value:
            record["exception"] = exception._replace(type=type(safe), value=safe, traceback=safe.__traceback__)
    for field in ("message", "name", "function", "module"):
        if isinstance(record.get(field), str):
            record[field] = redact(record[field])
    record["extra"] = redact_value(record.get("extra", {}))


def _error_of(exc_info: object) -> BaseException | None:
    """The exception that any of structlog's ways to say it means: True, a tuple or the exception itself."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None
