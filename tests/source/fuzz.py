"""Files at random, of every dialect, read whole and in chunks: no crash, no hang, no line lost. See `make fuzz`.

    python tests/source/fuzz.py [inputs] [seed]

Says the seed and the number of an input that fails, and keeps its bytes in the folder that it names.
"""

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from csv_files import DAMAGED_PIECES, check_accounts

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source import Reading

SECONDS_AN_INPUT = 20
SAMPLE = 20_000
_SAID_EVERY = 2_000
_ENCODINGS = ("utf-8", "utf-8", "utf-16-le", "utf-16-be", "cp1252", "latin-1")


def an_input(rng: random.Random) -> tuple[bytes, Reading]:
    """Return a file and what is said of it: nothing for a third of them, so that it is found out."""
    delimiter, quote = rng.choice(",,;\t|"), rng.choice(("'", '"', '"', ""))
    encoding = rng.choice(_ENCODINGS)
    width = rng.randint(1, 5)
    plain = ("a", "bc", "d e", "1.5", "", "O'Neil", "José", "x-y")
    rows = [[f"column {at}" for at in range(width)]]
    rows += [[rng.choice(plain) for _ in range(width)] for _ in range(rng.randint(0, 12))]
    line_end = rng.choice(("\n", "\n", "\r\n", "\r"))
    text = line_end.join(delimiter.join(row) for row in rows) + line_end
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        at = rng.randint(0, len(text))
        piece = rng.choice(DAMAGED_PIECES).replace('"', quote or '"').replace(",", delimiter)
        text = text[:at] + piece + text[at + rng.choice((0, 0, 1, 3)) :]
    content = text.encode(encoding, "surrogatepass" if encoding.startswith("utf-16") else "replace")
    if rng.random() < 0.2:
        content = bytes(rng.choice((byte, byte, byte, rng.randrange(256))) for byte in content)
    if rng.random() < 1 / 3:
        return content, Reading()
    return content, Reading(delimiter=delimiter, quote=quote, encoding=encoding)


def main() -> None:
    """Read so many inputs."""
    inputs, seed = (int(value) for value in (*sys.argv[1:], *(SAMPLE, 1)[len(sys.argv) - 1 :]))
    folder = Path(tempfile.mkdtemp(prefix="moat-fuzz-"))
    path = folder / "input.csv"
    ends: Counter[str] = Counter()
    started = time.monotonic()
    for number in range(inputs):
        rng = random.Random(f"{seed}/{number}")
        content, reading = an_input(rng)
        path.write_bytes(content)
        signal.alarm(SECONDS_AN_INPUT)
        try:
            check_accounts(path, reading, rng.choice((1, 64, 100, 1000)))
            ends["read"] += 1
        except BadInput:
            ends["refused"] += 1
        except BaseException:
            sys.stderr.write(f"seed {seed}, input {number}, {reading}: {path}\n")
            raise
        signal.alarm(0)
        if (number + 1) % _SAID_EVERY == 0:
            sys.stderr.write(f"{number + 1:,} inputs in {time.monotonic() - started:.0f} s: {dict(ends)}\n")
    path.unlink(missing_ok=True)
    folder.rmdir()
    sys.stdout.write(f"{inputs:,} inputs of seed {seed} in {time.monotonic() - started:.0f} s: {dict(ends)}\n")


if __name__ == "__main__":
    main()
