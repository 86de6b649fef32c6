"""Figures of the fault tests, told at the end of their run; and the scene of the faults in processes."""

from collections.abc import Callable, Iterator
from time import monotonic

import psycopg
import pytest
from import_process import imported_here, vendor_file
from import_scene import Scene

from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer


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


@pytest.fixture(scope="session")
def scene(server: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene on the suite's server."""
    folder = tmp_path_factory.mktemp("scene")
    path = vendor_file(folder, "week2.csv", first=100)
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"create database scene template {template}")
        imported_here(vendor_file(folder, "week1.csv"), server.url("scene"))
        conn.execute("create database scene_imported template scene")
    began = monotonic()
    assert imported_here(path, server.url("scene_imported")).status == "completed"
    seconds = monotonic() - began
    with connect(Database(server.url("scene_imported"), embedded=True)) as conn:
        yield Scene.of("scene", path, conn, seconds)


@pytest.fixture
def new_scene(new_database: Callable[[str], str], scene: Scene) -> Callable[[], str]:
    """Make databases with the first delivery, and return their URLs; they go with the test."""
    return lambda: new_database(scene.database)
