"""`moat` with small chunks, as the main function of a process of its own.

Imported by the server that these processes are forked from: what the command would load is loaded once.
"""

import os
import signal
import sys
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg

from plaintiff_moat import delivery, importer  # the importer by name: the command loads it only when it runs
from plaintiff_moat.cli.main import main
from plaintiff_moat.ledger import early_keys, profiles

__all__ = ["importer", "run_moat"]


def run_moat(
    arguments: list[str],
    environment: dict[str, str],
    output: Path,
    ready: Connection,
    chunk_bytes: int,
    sleep_when: str | None,
) -> None:
    """Run the command; its stdout and stderr go to `output` with .out and .err, and it says when it is about to begin.

    With `sleep_when` (`described`, or `announced`, `copying` or `copied`, a colon, and which of them) the process stops
    itself at that moment, which no signal from outside hits for sure.
    """
    for descriptor, suffix in (1, ".out"), (2, ".err"):
        os.dup2(os.open(output.with_suffix(suffix), os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    delivery.scan = partial(delivery.scan, chunk_bytes=chunk_bytes)
    early_keys.SECONDS_OF_A_RECORD = 1.0  # every import begins to publish with its second chunk
    if sleep_when is not None:
        moment, _, landing = sleep_when.partition(":")
        _sleep_when(moment, int(landing))
    sys.argv = ["moat", *arguments]
    ready.send(True)
    main()


def _sleep_when(moment: str, landing: int) -> None:
    landings = count(1)

    def fall_asleep() -> None:
        if next(landings) == landing:
            os.kill(os.getpid(), signal.SIGSTOP)

    enter, write, leave = psycopg.Copy.__enter__, psycopg.Copy.write, psycopg.Copy.__exit__

    def announced(copy: psycopg.Copy) -> psycopg.Copy:
        fall_asleep()
        return enter(copy)

    def copying(copy: psycopg.Copy, data: Any) -> None:
        half = len(data) // 2
        write(copy, data[:half])
        fall_asleep()
        write(copy, data[half:])

    def copied(copy: psycopg.Copy, *fault: Any) -> None:
        leave(copy, *fault)
        fall_asleep()

    describe_source = profiles.describe_source

    def described(*given: Any) -> None:
        describe_source(*given)
        fall_asleep()  # within the transaction, which holds the run

    owner, name, replacement = {
        "described": (profiles, "describe_source", described),
        "announced": (psycopg.Copy, "__enter__", announced),
        "copying": (psycopg.Copy, "write", copying),
        "copied": (psycopg.Copy, "__exit__", copied),
    }[moment]
    setattr(owner, name, replacement)
