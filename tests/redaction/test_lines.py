"""Lines of JSON stay lines of JSON, whatever a formatter or renderer put into them."""

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from plaintiff_moat.redaction import CARD_TOKEN, SSN_TOKEN, RedactingFormatter, install
from plaintiff_moat.redaction.bridges import structlog_processor


class Fixed(logging.Formatter):
    """Prints one line, whatever was logged."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self._line = line

    def format(self, _record: logging.LogRecord) -> str:
        """The line."""
        return self._line


def by_formatter(line: str) -> str:
    """A formatter around another."""
    return RedactingFormatter(formatter=Fixed(line)).format(logging.makeLogRecord({}))


def by_install(line: str) -> str:
    """The same, with nothing but the process covered."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(Fixed(line))
    uninstall = install()
    handler.handle(logging.makeLogRecord({}))
    uninstall()
    return handler.stream.getvalue()


def by_structlog(line: str) -> str:
    """Behind a renderer."""
    return structlog_processor(None, "info", line)


def by_structlog_in_bytes(line: str) -> str:
    """Behind a renderer that returns bytes."""
    return structlog_processor(None, "info", line.encode()).decode()


SEAMS = [by_formatter, by_install, by_structlog, by_structlog_in_bytes]


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize(
    ("given", "left"),
    [
        ('{"n": 219099999, "ok": 7}', {"n": SSN_TOKEN, "ok": 7}),
        ('{"n": -219099999.0}', {"n": SSN_TOKEN}),
        ('[4111111111111111, "a \\"123-45-6789\\""]', [CARD_TOKEN, f'a "{SSN_TOKEN}"']),
        ('{"n": [4111, 1111, 1111, 1111]}', {"n": [CARD_TOKEN]}),
        ('{"id": 219099999, "quoted": "[SSN_REDACTED]"}', {"id": SSN_TOKEN, "quoted": SSN_TOKEN}),
        ('{\n  "n": 219099999\n}', {"n": SSN_TOKEN}),
    ],
)
def test_json_stays_json(seam: Callable[[str], str], given: str, left: Any) -> None:
    """A bare number becomes a string; the rest of the document is as it was."""
    assert json.loads(seam(given)) == left


def test_a_document_that_cannot_be_mended_becomes_a_string() -> None:
    """The escape in it, U+E123, is read as the first digits of a number."""
    clean = by_formatter('{"a": "\\ue123456789"}')
    assert "123456789" not in clean
    assert isinstance(json.loads(clean), str)


@pytest.mark.parametrize("line", ["[moat] n=219099999", "{219099999}", '{"a": 1} 219099999'])
def test_what_was_no_json_gets_no_quotes(line: str) -> None:
    """Only the number changes."""
    assert by_formatter(line) == line.replace("219099999", SSN_TOKEN)
