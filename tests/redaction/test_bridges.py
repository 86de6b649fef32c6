"""The callables for structlog and loguru, in the shape in which those libraries call them."""

from collections import namedtuple
from typing import Any

import psycopg

from plaintiff_moat.redaction import SSN_TOKEN
from plaintiff_moat.redaction.bridges import loguru_patcher, structlog_processor

_SSN = "123-45-6789"
RecordException = namedtuple("RecordException", ["type", "value", "traceback"])  # noqa: PYI024 - loguru's is of this kind


def violation() -> psycopg.Error:
    """An error that quotes a row."""
    return psycopg.errors.UniqueViolation("Key (name)=(Ann Plaintiff)")


def test_structlog_events_are_redacted_at_any_depth() -> None:
    """The event, its context and what it holds."""
    event = {"event": f"SSN {_SSN}", "row": {"cells": [123456789]}, "attempt": 2}
    assert structlog_processor(None, "info", event) == {
        "event": f"SSN {SSN_TOKEN}",
        "row": {"cells": [SSN_TOKEN]},
        "attempt": 2,
    }


def test_structlog_exceptions_are_replaced_before_they_are_rendered() -> None:
    """In each of the three ways in which structlog lets them be given."""
    error = violation()
    for given in (error, (type(error), error, None)):
        shown = structlog_processor(None, "error", {"event": "failed", "exc_info": given})["exc_info"]
        assert str(shown) == "SQLSTATE 23505"
    try:
        raise error
    except psycopg.Error:
        shown = structlog_processor(None, "error", {"event": "failed", "exc_info": True})["exc_info"]
    assert str(shown) == "SQLSTATE 23505"


def test_structlog_lines_are_redacted_behind_the_renderer() -> None:
    """Text and bytes, as renderers return them."""
    assert structlog_processor(None, "info", f'{{"a": "{_SSN}"}}') == f'{{"a": "{SSN_TOKEN}"}}'
    assert structlog_processor(None, "info", f'{{"a": "{_SSN}"}}'.encode()) == f'{{"a": "{SSN_TOKEN}"}}'.encode()


def test_loguru_records_are_redacted_in_place() -> None:
    """Message, extra and the exception that loguru formats later."""
    record: dict[str, Any] = {
        "message": f"SSN {_SSN}",
        "name": "moat",
        "function": "land",
        "module": "land",
        "extra": {"cell": _SSN, "rows": 2},
        "exception": RecordException(psycopg.Error, violation(), None),
    }
    loguru_patcher(record)
    assert (record["message"], record["extra"]) == (f"SSN {SSN_TOKEN}", {"cell": SSN_TOKEN, "rows": 2})
    assert str(record["exception"].value) == "SQLSTATE 23505"


def test_a_loguru_record_without_exception_is_served() -> None:
    """Most have none."""
    record: dict[str, Any] = {"message": "fine", "extra": {}, "exception": None}
    loguru_patcher(record)
    assert record == {"message": "fine", "extra": {}, "exception": None}
