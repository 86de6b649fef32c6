"""Files at random, of every dialect, read whole and in chunks: no crash, no hang, no line lost. See `make fuzz`.

    python tests/source/fuzz.py [inputs] [seed] [first]

Every core takes its share of them; the inputs of a seed are always the same, numbered from 0. Says the seed and the
number of an input that fails, and keeps its bytes; `fuzz.py 1 <seed> <number>` reads it again.
"""

import faulthandler
import multiprocessing as mp
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from ctypes import c_longlong
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

from csv_files import DAMAGED_PIECES, check_accounts

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source import Reading

SECONDS_AN_INPUT = 20
SAMPLE = 20_000
_SECONDS_BETWEEN_WORDS = 30
_ENCODINGS = ("utf-8", "utf-8", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
_PLAIN = ("a", "bc", "d e", "1.5", "", "O'Neil", "José", "x-y")
_MEMORY = Path("/dev/shm")  # noqa: S108 (a file system without a disk, where there is one; the folder is private)


class Input(NamedTuple):
    """A file, what is said of it, and how the second reading takes it: chunks, and bytes read and proved at once."""

    content: bytes
    reading: Reading
    chunk_bytes: int
    pauses: dict[str, int]


def an_input(seed: int, number: int) -> Input:
    """Return an input; nothing is said of a third of them, so that it is found out, and one in fifty is long."""
    rng = random.Random(f"{seed}/{number}")
    delimiter, quote = rng.choice(",,;\t|"), rng.choice(("'", '"', '"', ""))
    encoding = rng.choice(_ENCODINGS)
    width = rng.randint(1, 5)
    is_long = rng.random() < 1 / 50
    rows = [[f"column {at}" for at in range(width)]]
    rows += [rng.choices(_PLAIN, k=width) for _ in range(rng.randint(200, 800) if is_long else rng.randint(0, 12))]
    line_end = rng.choice(("\n", "\n", "\r\n", "\r"))
    text = line_end.join(delimiter.join(row) for row in rows) + line_end
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        at = rng.randint(0, len(text))
        piece = rng.choice(DAMAGED_PIECES).replace('"', quote or '"').replace(",", delimiter)
        text = text[:at] + piece + text[at + rng.choice((0, 0, 1, 3)) :]
    content = text.encode(encoding, "surrogatepass" if encoding.startswith("utf-16") else "replace")
    if rng.random() < 0.2:
        content = bytes(rng.choice((byte, byte, byte, rng.randrange(256))) for byte in content)
    said = {} if rng.random() < 1 / 3 else {"delimiter": delimiter, "quote": quote, "encoding": encoding}
    size = max(len(content), 1)
    chunk_bytes = rng.randint(size // 8, size) if is_long else rng.choice((1, *7 * (rng.randint(1, size),)))
    pauses = {}
    if rng.random() < 1 / 4:
        least = size // 20 + 1
        window = rng.randint(least, size + least)
        pauses = {"_WINDOW": window, "_CAUTIOUS_WINDOW": min(window, 3), "_BLOCK": rng.randint(least, size + least)}
    return Input(content, Reading(**said), max(chunk_bytes, 1), pauses)


def check(path: Path, case: Input) -> bool:
    """Write the input and check that each of its lines is accounted for; False when it is refused as no delivery."""
    path.write_bytes(case.content)
    try:
        check_accounts(path, case.reading, case.chunk_bytes, case.pauses)
    except BadInput:
        return False
    return True


class _Share:
    """Every so-manieth input, read by a process of its own, since a crash ends it."""

    def __init__(self, path: Path, seed: int, numbers: range) -> None:
        context = mp.get_context("spawn")
        self.numbers = numbers
        self.done, self.refused = context.Value(c_longlong, lock=False), context.Value(c_longlong, lock=False)
        self.process = context.Process(target=_read, args=(path, seed, numbers, self.done, self.refused), daemon=True)

    @property
    def runs(self) -> bool:
        return self.process.exitcode is None

    @property
    def failure(self) -> str | None:
        """What has become of the process, unless it has read all or still reads."""
        code = self.process.exitcode
        if code is None or (code == 0 and self.done.value == len(self.numbers)):
            return None
        if code == -signal.SIGALRM:
            return f"was not read in {SECONDS_AN_INPUT} s"
        return f"ended its process by {signal.Signals(-code).name}" if code < 0 else "failed"


def _read(path: Path, seed: int, numbers: range, done: c_longlong, refused: c_longlong) -> None:
    faulthandler.enable()
    # Shows where it hangs, then ends the process as if there were no handler, in whatever code it is.
    faulthandler.register(signal.SIGALRM, all_threads=False, chain=True)
    for number in numbers:
        signal.alarm(SECONDS_AN_INPUT)
        refused.value += not check(path, an_input(seed, number))
        done.value += 1
    signal.alarm(0)


def main() -> int:
    """Read so many inputs; 1 when one of them fails."""
    inputs, seed, first = (int(value) for value in (*sys.argv[1:], *(SAMPLE, 1, 0)[len(sys.argv) - 1 :]))
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="moat-fuzz-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    cores = min(len(os.sched_getaffinity(0)), inputs)
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # an input is far too small for more, and every core has a process
    shares = [_Share(folder / f"{at}.csv", seed, range(first + at, first + inputs, cores)) for at in range(cores)]
    for share in shares:
        share.process.start()
    failed = None
    while failed is None and (running := {share.process.sentinel: share.process for share in shares if share.runs}):
        for ended in wait([*running], _SECONDS_BETWEEN_WORDS):
            running[ended].join()
        failed = next((share for share in shares if share.failure), None)
        sys.stderr.write(_so_far(shares, started))
    for share in shares:
        share.process.kill()
        share.process.join()
    shutil.rmtree(folder)
    failed = failed or next((share for share in shares if share.failure), None)
    if failed is None:
        sys.stdout.write(f"seed {seed}: {_so_far(shares, started)}")
        return 0
    number = failed.numbers[failed.done.value]
    case = an_input(seed, number)
    kept = Path(tempfile.gettempdir(), f"moat-fuzz-{seed}-{number}.csv")
    kept.write_bytes(case.content)
    sys.stderr.write(f"seed {seed}, input {number} {failed.failure}: {kept}\n{case}\n")
    return 1


def _so_far(shares: list[_Share], started: float) -> str:
    done, refused = sum(share.done.value for share in shares), sum(share.refused.value for share in shares)
    return f"{done:,} inputs in {time.monotonic() - started:.0f} s, {done - refused:,} read, {refused:,} refused\n"


if __name__ == "__main__":
    sys.exit(main())
