"""`install`: the whole process with one call."""

import io
import logging
import logging.config
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

from plaintiff_moat.redaction import SSN_TOKEN, install

_SSN = "123-45-6789"


def patched() -> list[object]:
    """All that `install` may replace."""
    methods = [logging.Filterer.filter, logging.Handler.format, logging.Handler.handleError]
    return [*methods, warnings.formatwarning, sys.excepthook, sys.unraisablehook, threading.excepthook]


@pytest.fixture
def uninstall() -> Iterator[Callable[[], None]]:
    """Covered for one test, and what takes the cover away."""
    uninstall = install()
    yield uninstall
    uninstall()


def test_it_is_reversible() -> None:
    """Everything stands as it stood before."""
    before = patched()
    uninstall = install()
    assert all(now is not then for now, then in zip(patched(), before, strict=True))
    uninstall()
    assert patched() == before


def test_calling_it_again_changes_nothing(uninstall) -> None:
    """Nor does taking it away twice."""
    once = patched()
    install()
    assert patched() == once
    uninstall()
    before = patched()
    uninstall()
    assert patched() == before


def test_what_somebody_else_put_in_place_meanwhile_is_kept_and_covered(uninstall) -> None:
    """A hook set later is wrapped by the next call, and survives taking the cover away."""
    seen: list[BaseException] = []

    def hook(_kind: type[BaseException], error: BaseException, _frames: object) -> None:
        seen.append(error)

    stood, sys.excepthook = sys.excepthook, hook
    try:
        install()
        sys.excepthook(ValueError, ValueError(_SSN), None)
        uninstall()
        assert sys.excepthook is hook
    finally:
        sys.excepthook = stood
        uninstall()
    assert [str(error) for error in seen] == [SSN_TOKEN]


def test_what_a_finalizer_raises_is_covered() -> None:
    """Nobody can catch it, and the interpreter prints it."""
    script = (
        "from plaintiff_moat.redaction import install; install()\n"
        "class Last:\n    def __del__(self): raise ValueError('SSN ' + '-'.join(['123', '45', '6789']))\n"
        "Last()"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    assert f"ValueError: SSN {SSN_TOKEN}" in told
    assert "6789" not in told


@pytest.mark.usefixtures("uninstall")
def test_handlers_made_later_and_children_that_do_not_propagate_are_covered() -> None:
    """Only the process was configured; the child has a handler of its own, made by dictConfig."""
    stream = io.StringIO()
    handler = {"class": "logging.StreamHandler", "stream": stream}
    child = {"handlers": ["late"], "propagate": False, "level": "INFO"}
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "handlers": {"late": handler}, "loggers": {"moat.a.b": child}}
    )
    logging.getLogger("moat.a.b").info("SSN %s", _SSN)
    logging.getLogger("moat.a.b").handlers.clear()
    assert stream.getvalue() == f"SSN {SSN_TOKEN}\n"


@pytest.mark.usefixtures("uninstall")
def test_children_are_covered_when_only_the_root_has_a_handler() -> None:
    """Where a filter on the root logger would not be asked."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    logging.getLogger("moat.never.configured").error("SSN %s", _SSN)
    logging.getLogger().removeHandler(handler)
    assert stream.getvalue() == f"SSN {SSN_TOKEN}\n"


@pytest.mark.usefixtures("uninstall")
def test_a_handler_that_writes_its_own_line_gets_a_scrubbed_record() -> None:
    """It formats nothing, and so would be out of reach of any formatter."""
    lines: list[str] = []

    class Direct(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    Direct().handle(logging.makeLogRecord({"msg": "SSN %s", "args": (_SSN,)}))
    assert lines == [f"SSN {SSN_TOKEN}"]


@pytest.mark.usefixtures("uninstall")
def test_a_handler_that_handles_in_its_own_way_gets_a_scrubbed_record() -> None:
    """The logger's record is scrubbed before any handler has it."""
    lines: list[str] = []

    class Own(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            lines.append(record.getMessage())
            return True

    logger = logging.Logger("moat.own")  # noqa: LOG001 - not for the process's registry
    logger.addHandler(Own())
    logger.error("SSN %s", _SSN)
    assert lines == [f"SSN {SSN_TOKEN}"]


@pytest.mark.usefixtures("uninstall")
@pytest.mark.parametrize("on", ["logger", "handler"])
def test_what_a_filter_makes_of_a_record_is_covered(on: str) -> None:
    """Filters add what they know of a request, and may do so behind a scrub."""
    lines: list[str] = []

    class Direct(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.getMessage()} {record.request}")  # type: ignore[attr-defined]

    def enrich(record: logging.LogRecord) -> bool:
        record.msg, record.args, record.request = "SSN %s", (_SSN,), {"cell": _SSN}
        return True

    logger, handler = logging.Logger("moat.enriched"), Direct()  # noqa: LOG001 - not for the process's registry
    logger.addHandler(handler)
    (logger if on == "logger" else handler).addFilter(enrich)
    logger.error("row")
    assert lines == [f"SSN {SSN_TOKEN} {{'cell': '{SSN_TOKEN}'}}"]


@pytest.mark.usefixtures("uninstall")
def test_what_a_formatter_adds_is_covered() -> None:
    """The final line is redacted, not only the record."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(f"{_SSN} %(message)s"))
    handler.handle(logging.makeLogRecord({"msg": "row"}))
    assert stream.getvalue() == f"{SSN_TOKEN} row\n"


@pytest.mark.usefixtures("uninstall")
def test_a_handler_that_fails_shows_no_record(capsys) -> None:
    """What `logging` prints of its own failures is redacted too."""

    class Failing(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise ValueError("cell 123-45-6789 of " + record.getMessage())

    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(Failing())
    handler.handle(logging.makeLogRecord({"msg": "SSN %s", "args": (_SSN,)}))
    error = capsys.readouterr().err
    assert f"cell {SSN_TOKEN} of SSN {SSN_TOKEN}" in error
    assert "6789" not in error


@pytest.mark.usefixtures("uninstall")
def test_warnings_are_covered() -> None:
    """Their text and the line of source code that they quote."""
    shown = warnings.formatwarning(f"SSN {_SSN}", UserWarning, "a.py", 1, line='warn("123-45-6789")')
    assert shown == f'a.py:1: UserWarning: SSN {SSN_TOKEN}\n  warn("{SSN_TOKEN}")\n'


_PROGRAM = """
import sys, threading, warnings
from plaintiff_moat.redaction import install

if sys.argv[1] == "covered":
    install()

class DatabaseError(Exception):
    sqlstate, diag = "23505", None

def fail():
    raise ValueError("SSN 123-45-6789") from DatabaseError("Key (name)=(Ann Plaintiff)")

warnings.warn("warned of 123-45-6789")
thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()
fail()
"""


@pytest.mark.parametrize(("mode", "leaks"), [("covered", False), ("bare", True)])
def test_what_python_prints_of_a_dying_program_is_covered(mode: str, leaks: bool) -> None:
    """Warnings, uncaught exceptions of threads and of the program; without the call all three leak."""
    ran = subprocess.run([sys.executable, "-c", _PROGRAM, mode], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ("123-45-6789" in ran.stderr, "Ann Plaintiff" in ran.stderr) == (leaks, leaks)
    assert ran.stderr.count("ValueError: SSN") == 2
    assert "UserWarning" in ran.stderr
    assert "in thread worker" in ran.stderr
    assert ran.stderr.count("SQLSTATE 23505") == (0 if leaks else 2)


@pytest.mark.usefixtures("uninstall")
def test_a_thread_that_exits_is_silent(capsys) -> None:
    """SystemExit in a thread is no failure."""
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert capsys.readouterr().err == ""
