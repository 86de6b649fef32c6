"""A worker of this machine that is dead is succeeded at once; one that lives, or cannot be asked, never."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plaintiff_moat.ledger.workers import Worker, default_worker_id, living_worker, succeeding

_LIVE = """
import time
from plaintiff_moat.ledger.workers import living_worker
with living_worker() as name:
    print(name, flush=True)
    time.sleep(60)
"""


def _is_succeeded(worker_id: str | None) -> bool:
    with succeeding(worker_id) as is_dead:
        return is_dead


def test_killed_process_is_succeeded_once() -> None:
    """While a process lives nobody succeeds it; killed, it has one successor at a time, and after that none."""
    with subprocess.Popen([sys.executable, "-c", _LIVE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not _is_succeeded(name)
        os.kill(process.pid, signal.SIGSTOP)
        assert not _is_succeeded(name)
        process.kill()
        process.wait()
    with succeeding(name) as is_dead:
        assert is_dead
        assert not _is_succeeded(name)
    assert not _is_succeeded(name)


def test_nobody_succeeds_whom_it_does_not_know() -> None:
    """A worker that ended well, one of another machine, and a run without a worker's name are not known to be dead."""
    with living_worker() as name:
        assert not _is_succeeded(name)
    assert not _is_succeeded(name)
    assert not _is_succeeded(default_worker_id())
    assert not _is_succeeded("../../lock")
    assert not _is_succeeded(None)


def test_a_worker_without_a_home_works_under_its_name_alone(moat_home: Path) -> None:
    """Where no lock can be had an import is not refused: its lease is waited for like that of another machine."""
    moat_home.parent.mkdir(parents=True)
    moat_home.write_text("no folder", encoding="utf-8")
    with living_worker() as name:
        assert name
        assert not _is_succeeded(name)


def test_a_worker_keeps_its_name_until_a_piece_of_work_fails() -> None:
    """Between two pieces it is alive; what a failed one held can be taken over at once, though the process lives on."""
    worker = Worker(None)
    with worker.at_work() as first:
        pass
    assert not _is_succeeded(first)
    with worker.at_work() as again, pytest.raises(KeyError), worker.at_work():
        raise KeyError
    assert again == first
    assert _is_succeeded(first)
    with worker.at_work() as next_name:
        assert next_name != first
    worker.close()
    assert not _is_succeeded(next_name)
