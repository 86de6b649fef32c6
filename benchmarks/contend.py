"""One step of one contender, in a process of its own.

    python benchmarks/contend.py CONTENDER prepare|load|records URL FILE

Of a contender that is a command, `load` is no step: its command is started as it is. Imports nothing but the contender:
what that imports is part of what it costs.
"""

import sys
from importlib import import_module


def main() -> None:
    """Prints what the step returns, if anything."""
    contender, step, *arguments = sys.argv[1:]
    answer = getattr(import_module(f"contenders.{contender}"), step)(*arguments)
    if answer is not None:
        print(answer)


if __name__ == "__main__":
    main()
