"""One call at start-up after which no log line, warning or traceback of the process holds a number to hide.

`logging` offers no seam of its own that sees every record of every logger on its way to every handler: a
filter on the root logger is not asked about its children, a record factory runs before `extra=` is added, and
what `dictConfig` makes later starts anew. But every logger asks its filters before it turns to handlers, and every
handler asks its own before it writes, by the same method of `logging.Filterer`, even where there are none: behind it
the record is scrubbed. So neither a handler with a `handle` of its own nor a filter that rewrites records is a way
around. What a handler formats goes through `logging.Handler.format`.
"""

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from plaintiff_moat.redaction.faults import safe_traceback
from plaintiff_moat.redaction.lines import redact_line
from plaintiff_moat.redaction.records import scrub
from plaintiff_moat.redaction.text import redact
from plaintiff_moat.redaction.values import redact_value

__all__ = ["install"]

Seam = tuple[Any, str, Callable[..., Any], Callable[..., Any]]

_replaced: list[Seam] = []  # owner, name, what stood there, what stands there now


def install() -> Callable[[], None]:
    """Covers every handler, present and future, of every logger; warnings; and exceptions that nobody catches or can.

    Calling it again changes nothing but what somebody else has replaced meanwhile. The function that it
    returns puts everything back.
    """
    for owner, name, make in _SEAMS:
        standing = getattr(owner, name)
        if not any(standing is ours for _, _, _, ours in _replaced):
            ours = make(standing)
            setattr(owner, name, ours)
            _replaced.append((owner, name, standing, ours))
    return _uninstall


def _uninstall() -> None:
    while _replaced:
        owner, name, stood, ours = _replaced.pop()
        if getattr(owner, name) is ours:
            setattr(owner, name, stood)


def _filter(standing: Callable[..., Any]) -> Callable[..., Any]:
    def filter_(filterer: logging.Filterer, record: logging.LogRecord) -> Any:
        passes = standing(filterer, record)
        if passes:  # since Python 3.12 it may be another record
            scrub(passes if isinstance(passes, logging.LogRecord) else record)
        return passes

    return filter_


def _format(standing: Callable[..., Any]) -> Callable[..., Any]:
    def format_(handler: logging.Handler, record: logging.LogRecord) -> Any:
        line = standing(handler, record)
        return redact_line(line) if isinstance(line, str) else redact_value(line)

    return format_


def _handle_error(_standing: Callable[..., Any]) -> Callable[..., Any]:
    def handle_error(_handler: logging.Handler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if logging.raiseExceptions and error is not None:
            _tell(f"--- Logging error ---\n{safe_traceback(error)[1]}Message: {redact(str(record.msg))}\n")

    return handle_error


def _format_warning(standing: Callable[..., str]) -> Callable[..., str]:
    def format_warning(*args: Any, **kwargs: Any) -> str:
        return redact(standing(*args, **kwargs))

    return format_warning


def _uncaught(standing: Callable[..., Any]) -> Callable[..., Any]:
    def uncaught(kind: type[BaseException], error: BaseException, frames: Any) -> None:
        safe, text = safe_traceback(error.with_traceback(frames))
        if standing is sys.__excepthook__:
            _tell(text)
        else:
            standing(kind if safe is error else type(safe), safe, safe.__traceback__)

    return uncaught


def _uncaught_in_thread(standing: Callable[..., Any]) -> Callable[..., Any]:
    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or args.exc_type is SystemExit:
            return
        safe, text = safe_traceback(args.exc_value)
        if standing is threading.__excepthook__:
            name = args.thread.name if args.thread else threading.get_ident()
            _tell(redact(f"Exception in thread {name}:\n{text}"))
        else:
            standing(threading.ExceptHookArgs((type(safe), safe, safe.__traceback__, args.thread)))

    return uncaught_in_thread


def _unraisable(standing: Callable[..., Any]) -> Callable[..., Any]:
    """Of what `__del__` and callbacks raise, which nobody can catch."""

    def unraisable(args: Any) -> None:
        if args.exc_value is None:
            standing(args)
            return
        safe, text = safe_traceback(args.exc_value)
        if standing is sys.__unraisablehook__:
            _tell(redact(f"{args.err_msg or 'Exception ignored in'}: {args.object!r}\n{text}"))
        else:
            told = {"exc_type": type(safe), "exc_value": safe, "exc_traceback": safe.__traceback__}
            standing(SimpleNamespace(**told, err_msg=args.err_msg, object=redact(repr(args.object))))

    return unraisable


def _tell(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


_SEAMS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (logging.Filterer, "filter", _filter),
    (logging.Handler, "format", _format),
    (logging.Handler, "handleError", _handle_error),
    (warnings, "formatwarning", _format_warning),
    (sys, "excepthook", _uncaught),
    (sys, "unraisablehook", _unraisable),
    (threading, "excepthook", _uncaught_in_thread),
)
