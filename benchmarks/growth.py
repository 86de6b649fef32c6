"""How cost grows: with the records of a file, with what the ledger holds, with runs, and with claimers.

    make bench-growth                                           # 10,000 to 10,000,000 records; 30 GB of disk
    python benchmarks/growth.py --sizes 1000,10000 --runs 100,1000 --claimers 1,8

Writes benchmarks/results/growth.md and growth.png. Every operation is the command `moat` in a process of its own, on an
embedded server that nobody else uses; the claimers are threads of one process. A size that does not fit on the disk
is left out by name.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from many_runs import OPERATOR_VIEWS, fill, seconds_of_view
from report import RESULTS, machine, seconds, table
from server import Measured, Server, python

# Bytes of disk for each record: the file twice, landed rows of it and of its next delivery twice, keys, log.
BYTES_OF_A_RECORD = 3_000
CHANGED = 0.01  # of the records of the next delivery
INTO_FULL = 10  # a database holds as many times the records that are imported into it

OPERATIONS = {
    "import": "into an empty database",
    "same file": "the same file again: a duplicate",
    "next delivery": f"a full re-delivery of which {1 - CHANGED:.0%} is known",
    "undo the next": "rollback of a run without heirs",
    "next delivery again": "the same, its keys now being ownerless",
    "undo the first": "rollback of a run whose keys nearly all pass on, the next delivery being there",
    "into a full one": f"another file into a database that holds {INTO_FULL} times its records",
}


@dataclass
class Growth:
    """Figures by operation and number of records; by view and number of runs; by number of claimers."""

    operations: dict[str, dict[int, Measured]] = field(default_factory=dict)
    disk: dict[int, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    views: dict[str, dict[int, float]] = field(default_factory=dict)
    claims: dict[int, dict[str, float]] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the report and its plots."""
    parser = argparse.ArgumentParser(description="How cost grows.")
    parser.add_argument("--sizes", type=_numbers, default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--runs", type=_numbers, default=[100, 1_000, 10_000])
    parser.add_argument("--claimers", type=_numbers, default=[1, 8, 64])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    growth = Growth()
    with Server.started() as server:
        for records in options.sizes:
            _deliveries(server, records, options.seed, growth)
        for runs in options.runs:
            _readers(server, runs, growth)
        for claimers in options.claimers:
            taken = server.measure(python("claimers.py", server.fresh(migrated=True), claimers))
            growth.claims[claimers] = json.loads(taken.output)
        report = _report(growth, server, options)
    print(report)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "growth.md").write_text(report + "\n", encoding="utf-8")
    plot = python("plots.py", "growth", options.out / "growth.png")
    subprocess.run(plot, input=json.dumps(_panels(growth)), text=True, check=False)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _deliveries(server: Server, records: int, seed: int, growth: Growth) -> None:
    """Import, the same again, the next delivery, undoing both, and a file of a tenth into what is then there."""
    needed, free = records * BYTES_OF_A_RECORD, server.bytes_free()
    if needed > free:
        growth.left_out.append(
            f"{records:,} records need some {needed / 1e9:.0f} GB of disk, {free / 1e9:.0f} are free"
        )
        return
    tenth = max(records // INTO_FULL, 1)
    first = _generated(server, "monday.csv", records, seed)
    following = _generated(server, "tuesday.csv", records, seed, "--changed", CHANGED)
    other = _generated(server, "other.csv", tenth, seed + 1)
    url = server.fresh(migrated=True)
    empty = server.bytes_of(url)

    def measured(operation: str, size: int, *command: object) -> Measured:
        server.checkpoint()
        taken = server.measure(_moat(*command), url=url)
        growth.operations.setdefault(operation, {})[size] = taken
        print(f"{size:,} records: {operation} {taken.seconds:.2f} s", file=sys.stderr, flush=True)
        return taken

    def imported(operation: str, file: Path, size: int) -> str:
        taken = measured(operation, size, "import", file, "--source-system", "simplicity", "--commit", "--json")
        return str(json.loads(taken.output)["run_id"])

    run = imported("import", first, records)
    growth.disk[records] = server.bytes_of(url) - empty
    _analyse(url)
    imported("same file", first, records)
    imported("into a full one", other, tenth)
    next_run = imported("next delivery", following, records)
    _analyse(url)
    measured("undo the next", records, "rollback", next_run, "--reason", "benchmark")
    imported("next delivery again", following, records)
    _analyse(url)
    measured("undo the first", records, "rollback", run, "--reason", "benchmark")
    for file in (first, following, other):
        file.unlink()


def _moat(*arguments: object) -> list[str]:
    return [str(Path(sys.executable).with_name("moat")), *map(str, arguments)]


def _generated(server: Server, name: str, records: int, seed: int, *more: object) -> Path:
    file = server.folder / name
    command = python("generate.py", file, "--records", records, "--seed", seed, *more)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return file


def _analyse(url: str) -> None:
    """What autovacuum would do within a minute, so that its moment is not a matter of chance."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("vacuum analyze")


def _readers(server: Server, runs: int, growth: Growth) -> None:
    """The commands and views of an operator, with so many runs in the ledger."""
    url = server.fresh(migrated=True)
    a_run = fill(url, runs)
    for command in (["runs"], ["show", a_run], ["doctor"]):
        taken = server.measure(_moat(*command), url=url)
        growth.views.setdefault(f"moat {command[0]}", {})[runs] = taken.seconds
    for view in OPERATOR_VIEWS:
        growth.views.setdefault(view, {})[runs] = seconds_of_view(url, view)
    print(f"{runs:,} runs: {len(OPERATOR_VIEWS)} views read", file=sys.stderr, flush=True)


def _report(growth: Growth, server: Server, options: argparse.Namespace) -> str:
    sizes, runs = (",".join(map(str, numbers)) for numbers in (options.sizes, options.runs))
    sections = [
        "# How cost grows",
        f"Written by `make bench-growth SIZES={sizes} RUNS={runs} SEED={options.seed}`.\n{machine(server.version())}.",
        *(f"Left out: {text}." for text in growth.left_out),
    ]
    if growth.operations:
        sections.append(_operations(growth))
    if growth.views:
        sections.append(_views(growth))
    if growth.claims:
        sections.append(_claims(growth))
    return "\n\n".join(sections)


def _operations(growth: Growth) -> str:
    rows = [
        [
            operation,
            f"{records:,}",
            seconds(taken.seconds),
            seconds(taken.seconds / records * 1e6),
            seconds(taken.client_cpu),
            seconds(taken.server_cpu),
            f"{taken.peak_mb:,.0f}",
        ]
        for operation in OPERATIONS
        for records, taken in sorted(growth.operations.get(operation, {}).items())
    ]
    what = "\n".join(f"- *{operation}*: {meaning}" for operation, meaning in OPERATIONS.items())
    disk = ", ".join(f"{size / records:,.0f} at {records:,}" for records, size in sorted(growth.disk.items()))
    head = ["operation", "records", "s", "s a million", "client CPU s", "server CPU s", "client peak MB"]
    return (
        f"## Records\n\nSeconds of the whole process, its start included.\n\n{what}\n\n{table(head, rows)}\n\n"
        f"Bytes of disk for each record of a first delivery, indexes included: {disk}."
    )


def _views(growth: Growth) -> str:
    numbers = sorted(next(iter(growth.views.values())))
    rows = [[name, *(f"{by_runs[runs] * 1000:,.1f}" for runs in numbers)] for name, by_runs in growth.views.items()]
    head = ["milliseconds", *(f"{runs:,} runs" for runs in numbers)]
    return (
        "## Runs\n\nThe commands as whole processes; each view read whole, the least of three times. A tenth of "
        "the runs is rolled back, a tenth failed, a tenth in progress; each has 20 records.\n\n" + table(head, rows)
    )


def _claims(growth: Growth) -> str:
    rows = [
        [
            f"{claimers:,}",
            f"{figures['own_per_second']:,.0f}",
            f"{figures['own_median'] * 1000:,.1f}",
            f"{figures['own_worst'] * 1000:,.1f}",
            f"{figures['same_per_second']:,.0f}",
            f"{figures['same_median'] * 1000:,.1f}",
            f"{figures['same_worst'] * 1000:,.1f}",
        ]
        for claimers, figures in sorted(growth.claims.items())
    ]
    own, same = ("own: claims a second", "median ms", "worst ms"), ("same: claims a second", "median ms", "worst ms")
    return (
        "## Claimers\n\nConnections that claim at the same time: each its own deliveries, then all of them the same "
        "ones. Of each same delivery exactly one claim is granted.\n\n" + table(["claimers", *own, *same], rows)
    )


def _panels(growth: Growth) -> list[dict[str, object]]:
    operations = {
        name: dict(sorted(growth.operations[name].items())) for name in OPERATIONS if name in growth.operations
    }
    clock = {name: [(records, one.seconds) for records, one in by.items()] for name, by in operations.items()}
    memory = {name: [(records, one.peak_mb) for records, one in by.items()] for name, by in operations.items()}
    views = {name: [(runs, taken * 1000) for runs, taken in by.items()] for name, by in growth.views.items()}
    panels: list[dict[str, object]] = [
        {"title": "Time", "x": "records", "y": "seconds", "lines": clock},
        {"title": "Client's peak memory", "x": "records", "y": "MB", "lines": memory},
        {"title": "Operator views", "x": "runs", "y": "milliseconds", "lines": views},
    ]
    return [panel for panel in panels if panel["lines"]]


if __name__ == "__main__":
    main()
