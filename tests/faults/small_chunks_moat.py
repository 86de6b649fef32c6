"""`moat` with small chunks, as a process of its own: says `ready` once nothing but the command is left to do.

SLEEP_WHEN (`announced`, `copying` or `copied`, a colon, and which chunk) makes it stop itself at that moment of the
chunk's landing, which no signal from outside hits for sure.
"""

import os
import signal
from functools import partial
from itertools import count
from typing import Any

import psycopg

from plaintiff_moat import delivery, importer  # the importer by name: the command loads it only when it runs
from plaintiff_moat.cli.main import main

__all__ = ["importer"]


def _sleep_when(moment: str, chunk: int) -> None:
    landings = count(1)

    def fall_asleep() -> None:
        if next(landings) == chunk:
            os.kill(os.getpid(), signal.SIGSTOP)

    enter, write, leave = psycopg.Copy.__enter__, psycopg.Copy.write, psycopg.Copy.__exit__

    def copying(copy: psycopg.Copy, data: Any) -> None:
        half = len(data) // 2
        write(copy, data[:half])
        fall_asleep()
        write(copy, data[half:])

    def announced(copy: psycopg.Copy) -> psycopg.Copy:
        fall_asleep()
        return enter(copy)

    def copied(copy: psycopg.Copy, *fault: object) -> None:
        leave(copy, *fault)
        fall_asleep()

    name, replacement = {
        "announced": ("__enter__", announced),
        "copying": ("write", copying),
        "copied": ("__exit__", copied),
    }[moment]
    setattr(psycopg.Copy, name, replacement)


if __name__ == "__main__":
    delivery.scan = partial(delivery.scan, chunk_bytes=int(os.environ["CHUNK_BYTES"]))
    if "SLEEP_WHEN" in os.environ:
        moment, _, chunk = os.environ["SLEEP_WHEN"].partition(":")
        _sleep_when(moment, int(chunk))
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    main()
