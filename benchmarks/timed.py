"""Run a command and write down what it took: seconds by the clock, processor seconds, peak memory.

    python benchmarks/timed.py RESULT.json COMMAND...

A process of its own for every command, because Linux counts into a child's peak memory what its parent held when the
child was started: this one holds about 10 MB, and imports nothing that would make it more.
"""

import json
import os
import sys
import time


def main() -> None:
    """Exits as the command does."""
    result, *command = sys.argv[1:]
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    measured = {
        "seconds": time.monotonic() - began,
        "client_cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2),
    }
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would be the largest thing held
        json.dump(measured, file)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
