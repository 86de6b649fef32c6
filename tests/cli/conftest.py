"""Fixtures of the tests of the command line."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

Moat = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def moat(db_url: str) -> Moat:
    """Runs `moat` as a process of its own on the test's database."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "plaintiff_moat", *arguments],
            env=os.environ | {"MOAT_DATABASE_URL": db_url} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
