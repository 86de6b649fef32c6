"""`SafeLogger` as a logger."""

import io
import logging
from typing import Any

import pytest

from plaintiff_moat.redaction import SSN_TOKEN, SafeLogger

_SSN = "123-45-6789"


@pytest.fixture
def stream_of():  # noqa: D103
    handlers: list[tuple[logging.Logger, logging.Handler]] = []

    def attach(name: str) -> tuple[logging.Logger, io.StringIO]:
        """A registered logger that writes into a text, and that text."""
        logger, stream = logging.getLogger(name), io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(levelname)s %(funcName)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        handlers.append((logger, handler))
        return logger, stream

    yield attach
    for logger, handler in handlers:
        logger.removeHandler(handler)
        logger.filters.clear()
        handler.close()


def test_every_method_logs_at_its_level(stream_of) -> None:
    """And tells the caller's function, not its own."""
    logger, stream = stream_of("moat.safe.levels")
    safe = SafeLogger(logger)
    for method in (safe.debug, safe.info, safe.warning, safe.error, safe.critical):
        method("SSN %s", _SSN)
    safe.log(logging.INFO, "SSN %s", _SSN)
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "INFO"]
    here = test_every_method_logs_at_its_level.__name__
    assert stream.getvalue().splitlines() == [f"{level} {here} SSN {SSN_TOKEN}" for level in levels]


def test_exception_adds_the_safe_traceback(stream_of) -> None:
    """At level ERROR, unless told not to."""
    logger, stream = stream_of("moat.safe.exception")
    try:
        int(_SSN)
    except ValueError:
        SafeLogger(logger).exception("failed")
        SafeLogger(logger).exception("silent", exc_info=False)
    first, *traceback, last = stream.getvalue().splitlines()
    assert first == f"ERROR {test_exception_adds_the_safe_traceback.__name__} failed"
    assert traceback[-1] == f"ValueError: invalid literal for int() with base 10: '{SSN_TOKEN}'"
    assert last.endswith("silent")


def test_level_and_name_are_those_of_the_logger(stream_of) -> None:
    """Reading and setting; what is below the level is not logged."""
    logger, stream = stream_of("moat.safe.level")
    safe = SafeLogger(logger)
    safe.setLevel(logging.ERROR)
    safe.warning("not logged")
    assert (safe.name, safe.level, logger.level) == ("moat.safe.level", logging.ERROR, logging.ERROR)
    assert (safe.isEnabledFor(logging.WARNING), safe.isEnabledFor(logging.ERROR)) == (False, True)
    assert stream.getvalue() == ""


def test_a_child_is_as_safe_as_its_parent(stream_of) -> None:
    """It has the dotted name and redacts the same."""
    logger, stream = stream_of("moat.safe.parent")
    child = SafeLogger(logger).getChild("child")
    child.info("SSN %s", _SSN)
    assert child.name == "moat.safe.parent.child"
    assert SSN_TOKEN in stream.getvalue()


def test_an_adapter_can_be_wrapped(stream_of) -> None:
    """What the adapter adds is redacted with the rest."""

    class Prefixing(logging.LoggerAdapter[logging.Logger]):
        def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
            return f"{_SSN} {msg}", kwargs

    logger, stream = stream_of("moat.safe.adapter")
    SafeLogger(Prefixing(logger)).info("SSN %s", _SSN)
    assert stream.getvalue().endswith(f"{SSN_TOKEN} SSN {SSN_TOKEN}\n")


def test_what_merely_acts_as_a_logger_gets_redacted_text() -> None:
    """It receives the same method, with redacted message, arguments and extra."""

    class Recorder:
        name, level = "recorder", 0

        def __init__(self) -> None:
            self.calls: list[Any] = []

        def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 - the name of `logging`
            return True

        def info(self, *args: Any, **kwargs: Any) -> None:
            self.calls.append((args, kwargs))

    recorder = Recorder()
    SafeLogger(recorder).info("SSN %s of %s", _SSN, "row", extra={"cell": _SSN})
    assert recorder.calls == [(("SSN %s of %s", SSN_TOKEN, "row"), {"extra": {"cell": SSN_TOKEN}})]
