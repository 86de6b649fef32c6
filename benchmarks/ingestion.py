"""The moat beside other ways of taking a vendor's file into PostgreSQL: the same file, server and machine, in turn.

    make bench                                              # all of it, with the peers in an environment of their own
    python benchmarks/ingestion.py --records 100000 --rounds 2 --only floor,moat

Writes benchmarks/results/ingestion.md and ingestion.png. In each round every contender takes the file into an empty
database, in a process of its own whose start and imports count: its command, or a Python that runs its code. The
order is another in each round. Ratios are taken within a round, so that what else the machine does then disturbs all
alike, and the median over the rounds is printed.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from statistics import median

from contenders import CONTENDERS
from report import RESULTS, machine, seconds, table
from server import Measured, Server, python

OURS, FLOOR = "moat", "floor"
TICK = 0.01  # the least that processor time is counted in
SAMPLE = 10_000  # records of the file that is delivered twice

Phases = Mapping[str, Sequence[float]]


@dataclass
class Figures:
    """What was measured of each contender: a `Measured` a round, and how many records readers find."""

    rounds: dict[str, list[Measured]] = field(default_factory=dict)
    found: dict[str, tuple[int, int]] = field(default_factory=dict)
    phases: list[Phases] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the report and its plot."""
    parser = argparse.ArgumentParser(description="The moat beside other ways of taking a file into PostgreSQL.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(CONTENDERS), help=f"some of {','.join(CONTENDERS)}")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    asked = [name for name in CONTENDERS if name in options.only.split(",")]
    missing = {name: lack for name in asked if (lack := _lack(name))}
    present = [name for name in asked if name not in missing]
    with Server.started() as server:
        figures = _measure(server, present, options)
        report = "\n\n".join(
            (
                _heading(server, options, present, missing),
                _comparison(figures),
                _sample(figures, min(options.records, SAMPLE)),
                *([_phases(figures.phases)] if figures.phases else []),
            )
        )
    print(report)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ingestion.md").write_text(report + "\n", encoding="utf-8")
    # in a process of its own: where matplotlib is missing, the figures are there all the same
    bars = {name: [taken.seconds for taken in rounds] for name, rounds in figures.rounds.items()}
    plot = python("plots.py", "contenders", options.out / "ingestion.png")
    subprocess.run(plot, input=json.dumps(bars), text=True, check=False)


def _lack(name: str) -> str | None:
    """The first thing that the contender needs and that is not here."""
    for needed in import_module(f"contenders.{name}").NEEDS:
        try:
            version(needed)
        except PackageNotFoundError:
            if shutil.which(needed) is None:
                return f"{needed} is not installed"
    return None


def _measure(server: Server, contenders: Sequence[str], options: argparse.Namespace) -> Figures:
    figures = Figures()
    whole, sample = (server.folder / name for name in ("simplicity_export.csv", "simplicity_sample.csv"))
    _generate(whole, options.records, options.seed)
    _generate(sample, min(options.records, SAMPLE), options.seed)
    for name in contenders:
        figures.found[name] = _delivered_twice(server, name, sample)
    order, in_table = list(contenders), dict[str, set[int]]()
    for number in range(options.rounds):
        Random(options.seed + number).shuffle(order)
        for name in order:
            url = server.fresh()
            taken = _taken_in(server, name, url, whole)
            in_table.setdefault(name, set()).add(_records(server, name, url, whole))
            if len(in_table[name]) > 1 or in_table[name] == {0}:
                sys.exit(f"{name} did not load the same in every round: {in_table[name]} records")
            figures.rounds.setdefault(name, []).append(taken)
            _say(f"round {number + 1} of {options.rounds}: {name} {taken.seconds:.2f} s")
        if OURS in contenders:
            taken = server.measure(python("phases.py", server.fresh(migrated=True), whole, server.pid))
            figures.phases.append(_with_start(json.loads(taken.output), taken))
    figures.rounds = {name: figures.rounds[name] for name in contenders}
    return figures


def _with_start(phases: Phases, taken: Measured) -> Phases:
    """The phases after what the process took besides: the start of Python, imports, the exit."""
    of_process = (taken.seconds, taken.client_cpu, taken.server_cpu)
    sums = [sum(values[at] for values in phases.values()) for at in range(3)]
    besides = [max(0.0, whole - of_phases) for whole, of_phases in zip(of_process, sums, strict=True)]
    return {"start": besides, **phases}


def _generate(file: Path, records: int, seed: int) -> None:
    # a process of its own: the frames would stay in this one's memory
    subprocess.run(python("generate.py", file, "--records", records, "--seed", seed), check=True, stdout=sys.stderr)


def _taken_in(server: Server, name: str, url: str, file: Path) -> Measured:
    server.measure(python("contend.py", name, "prepare", url, file))
    loading = _loading(name, url, file)
    server.checkpoint()
    return server.measure(loading)


def _loading(name: str, url: str, file: Path) -> list[str]:
    """The command that takes the file in: the contender's own, or a Python that runs its code."""
    contender = import_module(f"contenders.{name}")
    if hasattr(contender, "command"):
        return list(contender.command(url, str(file)))
    return python("contend.py", name, "load", url, file)


def _delivered_twice(server: Server, name: str, file: Path) -> tuple[int, int]:
    """How many records a reader finds after the file was delivered, and after it was delivered again."""
    url = server.fresh()
    _taken_in(server, name, url, file)
    once = _records(server, name, url, file)
    server.measure(_loading(name, url, file))
    return once, _records(server, name, url, file)


def _records(server: Server, name: str, url: str, file: Path) -> int:
    return int(server.measure(python("contend.py", name, "records", url, file)).output)


def _heading(server: Server, options: argparse.Namespace, present: Sequence[str], missing: Mapping[str, str]) -> str:
    size = (server.folder / "simplicity_export.csv").stat().st_size
    needed = sorted({needed for name in present for needed in import_module(f"contenders.{name}").NEEDS})
    peers = ", ".join(f"{peer} {_version(peer)}".strip() for peer in needed)
    left_out = "; ".join(f"{name} left out: {lack}" for name, lack in missing.items())
    return (
        "# Taking a file in: the moat beside others\n\n"
        f"Written by `make bench RECORDS={options.records} ROUNDS={options.rounds} SEED={options.seed}`.\n"
        f"{options.records:,} records, {size / 1e6:,.1f} MB, 11 columns, 2 % duplicates, 0.5 % bad values; "
        f"rounds: {options.rounds}.\n{machine(server.version())}.\n"
        + "; ".join(part for part in (peers, left_out) if part)
    ).rstrip()


def _version(peer: str) -> str:
    try:
        return version(peer)
    except PackageNotFoundError:
        return ""


def _comparison(figures: Figures) -> str:
    rows = []
    for name, rounds in figures.rounds.items():
        taken = [one.seconds for one in rounds]
        rows.append(
            [
                f"**{name}**" if name == OURS else name,
                seconds(median(taken)),
                f"{seconds(min(taken))} - {seconds(max(taken))}",
                _ratio(figures, name, FLOOR, _clock),
                _ratio(figures, name, OURS, _clock),
                seconds(median(one.client_cpu for one in rounds)),
                seconds(median(one.server_cpu for one in rounds)),
                _ratio(figures, name, FLOOR, _processors),
                _ratio(figures, name, OURS, _processors),
                f"{median(one.peak_mb for one in rounds):,.0f}",
            ]
        )
    what = "\n".join(f"- `{name}`: {_documented(name)}" for name in figures.rounds)
    head = ["", "s", "least - most", "times floor", "times moat", "client CPU s", "server CPU s"]
    head += ["CPU times floor", "CPU times moat", "client peak MB"]
    return f"## Contenders\n\n{what}\n\n{table(head, rows)}\n\n![Seconds of each contender](ingestion.png)"


def _documented(name: str) -> str:
    return str(import_module(f"contenders.{name}").__doc__).splitlines()[0]


def _clock(taken: Measured) -> float:
    return taken.seconds


def _processors(taken: Measured) -> float:
    return taken.client_cpu + taken.server_cpu


def _ratio(figures: Figures, name: str, base: str, of: Callable[[Measured], float]) -> str:
    """How many times as much as the base, the median of the rounds' ratios."""
    if base not in figures.rounds:
        return ""
    pairs = zip(figures.rounds[name], figures.rounds[base], strict=True)
    return f"{median(of(one) / max(of(other), TICK) for one, other in pairs):.2f}"


def _sample(figures: Figures, records: int) -> str:
    rows = [[name, f"{once:,}", f"{twice:,}"] for name, (once, twice) in figures.found.items()]
    return (
        f"## What readers find\n\nA file of {records:,} records of the same kind, delivered once, and once more.\n\n"
        + table(["", "records found", "after the same file again"], rows)
    )


def _phases(rounds: Sequence[Phases]) -> str:
    medians = {phase: [median(one[phase][at] for one in rounds) for at in range(3)] for phase in rounds[0]}
    total = sum(clock for clock, _, _ in medians.values())
    rows = [
        [phase, seconds(clock), f"{clock / total:.0%}", seconds(client), seconds(server)]
        for phase, (clock, client, server) in medians.items()
    ]
    sums = [sum(values[at] for values in medians.values()) for at in range(3)]
    rows.append(["**all**", seconds(sums[0]), "", seconds(sums[1]), seconds(sums[2])])
    return (
        "## Phases of the moat\n\nOne after the other in one thread, over one connection; `start` is Python with its "
        "imports, and its exit.\n`moat import` reads, normalises and lands several chunks side by side.\n\n"
        + table(["phase", "s", "share", "client CPU s", "server CPU s"], rows)
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
