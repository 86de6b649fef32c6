"""Figures of the fault tests, told at the end of their run."""

from collections.abc import Iterator

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each test of this folder has counted."""
    lines = list(_figures(terminalreporter))
    if lines:
        terminalreporter.section("figures of the fault tests")
        for line in lines:
            terminalreporter.write_line(line)


def _figures(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.user_properties and "tests/faults/" in report.nodeid:
                counted = ", ".join(f"{name} {figure}" for name, figure in report.user_properties)
                yield f"{report.nodeid.partition('::')[2]}: {counted}"
