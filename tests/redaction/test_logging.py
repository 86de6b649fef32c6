"""Every way into a log line, under every cover: filter on a handler, formatter, SafeLogger, install."""

import io
import json
import logging
import logging.config
import logging.handlers
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from number_spellings import bare

from plaintiff_moat.redaction import CARD_TOKEN, SSN_TOKEN, PIIRedactionFilter, RedactingFormatter, SafeLogger, install

_SSN = "123-45-6789"
_LINE = f"SSN {_SSN}"
_CARD = "4111 1111 1111 1111"
_FORMAT = "%(name)s %(levelname)s %(message)s"


class Row:
    """An object whose text is a cell."""

    def __str__(self) -> str:
        return f"row of {_SSN}"

    __repr__ = __str__


def failing(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The exception as it is once raised, so that it has a traceback."""
    try:
        raise error from cause
    except type(error) as raised:
        return raised


def with_literal_in_source() -> BaseException:
    """An exception whose traceback quotes a line of source code with a number in it."""
    try:
        int("123-45-6789"[:3] + "x")
    except ValueError as raised:
        return raised


def log_with_stack_of_a_literal(logger: Any) -> None:
    """A stack shows the line that logged."""
    logger.info(["stack", "123-45-6789"][0], stack_info=True)


SEAMS: dict[str, Callable[[Any], object]] = {
    "message": lambda logger: logger.info(_LINE),
    "message that is an object": lambda logger: logger.info(Row()),
    "string argument": lambda logger: logger.info("SSN %s", _SSN),
    "integer argument": lambda logger: logger.info("SSN %d", 123456789),
    "float argument": lambda logger: logger.info("SSN %.0f", 123456789.0),
    "exception argument": lambda logger: logger.info("failed: %s", ValueError(_SSN)),
    "object argument": lambda logger: logger.info("%s and %r", Row(), Row()),
    "path argument": lambda logger: logger.info("reading %s", Path(f"/in/{_SSN}.csv")),
    "list argument": lambda logger: logger.info("rows %s", [_SSN, 123456789]),
    "dict argument": lambda logger: logger.info("row %(ssn)s", {"ssn": _SSN}),
    "dict argument, whole": lambda logger: logger.info("row %s", {"note": _SSN, 123456789: 1}),
    "number split over arguments": lambda logger: logger.info("SSN %s-%s-%s", "123", "45", "6789"),
    "number split over template and argument": lambda logger: logger.info("SSN 123-%d-6789", 45),
    "arguments that do not fit": lambda logger: logger.info(["SSN %s %s"][0], _SSN),
    "argument of the wrong type": lambda logger: logger.info("SSN %d", _SSN),
    "extra": lambda logger: logger.info("row", extra={"cell": _SSN}),
    "extra that is nested": lambda logger: logger.info("row", extra={"cell": {"value": [123456789]}}),
    "sensitive extra": lambda logger: logger.info("row", extra={"cell": {"cvv": "987"}}),
    "exc_info": lambda logger: logger.error("failed", exc_info=failing(ValueError(f"cell {_SSN}"))),
    "exc_info, cause": lambda logger: logger.error("failed", exc_info=failing(OSError("x"), ValueError(_SSN))),
    "exc_info, group": lambda logger: logger.error("failed", exc_info=ExceptionGroup("x", [ValueError(_SSN)])),
    "exc_info, line of source code": lambda logger: logger.error("failed", exc_info=with_literal_in_source()),
    "stack_info": log_with_stack_of_a_literal,
}
"""Each logs an SSN, or a security code, in its own way."""


class LineOfJson(logging.Formatter):
    """What people write for structured logs: it formats message and exception itself and dumps the rest."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object, arguments and further fields included."""
        event = {"message": record.getMessage(), "args": record.args, "cell": getattr(record, "cell", None)}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event | {"text": record.exc_text, "stack": record.stack_info}, default=str)


class PlainWithCell(logging.Formatter):
    """Python's own formatter, with one field of `extra=`."""

    def __init__(self) -> None:
        super().__init__(_FORMAT + " %(cell)s", defaults={"cell": "-"})


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, logging.StreamHandler[io.StringIO]]]:
    """A logger of its own, whose only handler writes into a text."""
    logger = logging.Logger("moat.test", logging.DEBUG)  # noqa: LOG001 - not for the process's registry
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    yield logger, handler
    handler.close()


@pytest.fixture
def installed() -> Iterator[None]:
    """The whole process covered, for one test."""
    uninstall = install()
    yield
    uninstall()


def under_filter(logger: logging.Logger, handler: logging.Handler) -> Any:
    """A filter on the handler."""
    handler.addFilter(PIIRedactionFilter())
    return logger


def under_formatter(logger: logging.Logger, handler: logging.Handler) -> Any:
    """A formatter around the handler's own."""
    handler.setFormatter(RedactingFormatter(formatter=handler.formatter))
    return logger


def under_safe_logger(logger: logging.Logger, _handler: logging.Handler) -> Any:
    """A wrapper around the logger."""
    return SafeLogger(logger)


COVERS = [under_filter, under_formatter, under_safe_logger]


def written(handler: logging.StreamHandler[io.StringIO]) -> str:
    """What the handler has put out so far."""
    return handler.stream.getvalue()


def leaks(text: str) -> bool:
    """Whether nine digits of the number, or the security code, can still be read."""
    return "123456789" in bare(text) or "987" in bare(text)


@pytest.mark.parametrize("formatter", [PlainWithCell, LineOfJson])
@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("cover", COVERS)
def test_no_seam_leaks_under_any_cover(log, capsys, cover, seam: str, formatter: type[logging.Formatter]) -> None:
    """Neither into the line nor, when logging itself stumbles, onto standard error."""
    logger, handler = log
    handler.setFormatter(formatter())
    SEAMS[seam](cover(logger, handler))
    assert written(handler)
    assert not leaks(written(handler))
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("formatter", [PlainWithCell, LineOfJson])
@pytest.mark.parametrize("seam", SEAMS)
def test_no_seam_leaks_once_installed(log, capsys, seam: str, formatter: type[logging.Formatter]) -> None:
    """Nothing about logger, handler or formatter knows of redaction."""
    logger, handler = log
    handler.setFormatter(formatter())
    SEAMS[seam](logger)
    assert written(handler)
    assert not leaks(written(handler))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seam", SEAMS)
def test_every_seam_leaks_without_a_cover(log, capsys, seam: str) -> None:
    """So that the tests above cannot pass for another reason."""
    logger, handler = log
    handler.setFormatter(PlainWithCell())
    SEAMS[seam](logger)
    assert leaks(written(handler) + capsys.readouterr().err)


@pytest.mark.parametrize("cover", COVERS)
def test_database_errors_are_named_and_not_quoted(log, cover) -> None:
    """As argument, as message, as exc_info and as a cause; what they quote is no number that a rule could find."""
    logger, handler = log
    violation = failing(psycopg.errors.UniqueViolation("duplicate\nDETAIL:  Key (name)=(Ann Plaintiff)"))
    covered = cover(logger, handler)
    covered.info("failed: %s", violation)
    covered.info(violation)
    covered.info("failed: %r", [violation])
    covered.error("failed", exc_info=violation)
    covered.error("failed", exc_info=failing(RuntimeError("landing failed"), violation))
    assert "Ann Plaintiff" not in written(handler)
    assert written(handler).count("SQLSTATE 23505") == 5
    assert "RuntimeError: landing failed" in written(handler)


@pytest.mark.parametrize("cover", COVERS)
def test_the_line_reads_as_it_would_otherwise(log, cover) -> None:
    """Template and surroundings are kept; only the numbers become tokens."""
    logger, handler = log
    handler.setFormatter(logging.Formatter(_FORMAT))
    covered = cover(logger, handler)
    covered.info("SSN %d of %-5s|", 123456789, "row")
    covered.warning("Card: %s", _CARD)
    covered.info("%s is fine, %05.1f %%", "this", 3)
    assert written(handler).splitlines() == [
        f"moat.test INFO SSN {SSN_TOKEN} of row  |",
        f"moat.test WARNING Card: {CARD_TOKEN}",
        "moat.test INFO this is fine, 003.0 %",
    ]


def test_an_innocent_record_is_left_as_it_was(log) -> None:
    """Handlers that group by template, or read arguments, find what was logged."""
    records: list[logging.LogRecord] = []
    logger, handler = log
    handler.addFilter(PIIRedactionFilter())
    handler.emit = records.append  # type: ignore[method-assign]
    error, cell = failing(ValueError("bad cell")), Path("/in/a.csv")
    logger.error("row %d: %s", 7, cell, extra={"cell": cell}, exc_info=error)
    (record,) = records
    assert (record.msg, record.args) == ("row %d: %s", (7, cell))
    assert record.args[1] is record.cell is cell  # type: ignore[attr-defined]
    assert record.exc_info[1] is error


def test_arguments_keep_their_number_where_one_is_redacted(log) -> None:
    """Formatters that unpack the arguments, as those of web servers do, go on working."""
    records: list[logging.LogRecord] = []
    logger, handler = log
    handler.addFilter(PIIRedactionFilter())
    handler.emit = records.append  # type: ignore[method-assign]
    logger.info('%s - "%s %s" %d', "10.0.0.1", "GET", f"/people/{_SSN}", 200)
    assert records[0].args == ("10.0.0.1", "GET", f"/people/{SSN_TOKEN}", 200)


def test_the_formatter_leaves_the_record_to_other_handlers(log) -> None:
    """A handler beside it that is meant to see all, in memory, does."""
    logger, handler = log
    handler.setFormatter(RedactingFormatter(_FORMAT))
    record = logger.makeRecord("moat.test", logging.INFO, "", 0, "SSN %s", (_SSN,), None, extra={"cell": _SSN})
    logger.handle(record)
    assert SSN_TOKEN in written(handler)
    assert (record.args, record.cell) == ((_SSN,), _SSN)  # type: ignore[attr-defined]


def test_the_formatter_does_not_trust_a_cached_traceback(log) -> None:
    """A formatter that ran before on the same record has left its unredacted traceback there."""
    logger, handler = log
    before = logging.StreamHandler(io.StringIO())
    logger.handlers.insert(0, before)
    handler.setFormatter(RedactingFormatter())
    logger.error("failed", exc_info=failing(psycopg.errors.UniqueViolation("Key (name)=(Ann Plaintiff)")))
    assert "Ann Plaintiff" in written(before)
    assert "Ann Plaintiff" not in written(handler)


def test_a_record_that_cannot_be_read_is_withheld(log) -> None:
    """What breaks its own redaction is not shown, and breaks nothing else."""

    class Hostile(dict[str, str]):
        def items(self) -> Any:
            raise RuntimeError(_SSN)

    logger, handler = log
    handler.addFilter(PIIRedactionFilter())
    logger.info("row %s", {"a": Hostile()}, extra={"cell": _SSN})
    assert written(handler).startswith("a log record was withheld")


def test_a_name_given_to_the_filter_still_selects() -> None:
    """It is a `logging.Filter`: with a name it passes that logger's records and its children's."""
    record = logging.makeLogRecord({"name": "other"})
    assert PIIRedactionFilter("moat").filter(record) is False
    assert PIIRedactionFilter("other").filter(record) is True


def test_a_dict_config_may_name_filter_and_formatter(tmp_path: Path) -> None:
    """As `()` and as `class`, with the arguments that `logging` gives."""
    path = tmp_path / "moat.log"
    file = {"class": "logging.FileHandler", "filename": str(path)}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"pii": {"()": "plaintiff_moat.redaction.PIIRedactionFilter"}},
            "formatters": {
                "class": {"class": "plaintiff_moat.redaction.RedactingFormatter", "format": "{message}", "style": "{"},
                "factory": {"()": "etl.src.log_redactor.RedactingFormatter", "fmt": "%(message)s"},
            },
            "handlers": {
                "one": file | {"formatter": "class"},
                "two": file | {"formatter": "factory"},
                "three": file | {"filters": ["pii"]},
            },
            "loggers": {"moat.configured": {"handlers": ["one", "two", "three"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("moat.configured")
    logger.info("SSN %s", _SSN)
    while logger.handlers:
        handler = logger.handlers[0]
        logger.removeHandler(handler)
        handler.close()
    assert path.read_text().splitlines() == [f"SSN {SSN_TOKEN}"] * 3


@pytest.mark.usefixtures("installed")
def test_a_queue_between_threads_is_covered(log) -> None:
    """Records are scrubbed before they are queued and again before they are written."""
    logger, handler = log
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    logger.handlers = [logging.handlers.QueueHandler(records)]
    logger.info("SSN %s", _SSN)
    assert _SSN not in str(vars(records.queue[0]))
    records.put(logging.makeLogRecord({"msg": _SSN, "levelno": logging.INFO}))
    listener = logging.handlers.QueueListener(records, handler)
    listener.start()
    listener.stop()
    assert written(handler).splitlines() == [f"SSN {SSN_TOKEN}", SSN_TOKEN]
