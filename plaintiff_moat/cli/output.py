"""How results are shown: data on stdout, talk on stderr, JSON where it is asked for."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from plaintiff_moat.cli.terminal import harmless
from plaintiff_moat.redaction import redact
from plaintiff_moat.summary import Progress

__all__ = ["progress", "show_json", "show_record", "show_table"]

SECONDS_BETWEEN_LINES = 5.0
_WIDE = 200


def show_json(value: Any) -> None:
    """One line of JSON on stdout; ids and amounts as text, times in ISO 8601."""
    click.echo(json.dumps(_shown(value), ensure_ascii=False))


def _shown(value: Any) -> Any:
    """The value as JSON knows it, its texts redacted."""
    match value:
        case None | bool() | int() | float():
            return value
        case Decimal():
            return str(value)  # an amount, exact to the cent, which a number of JSON need not be
        case datetime():
            return value.isoformat()
        case dict():
            return {name: _shown(held) for name, held in value.items()}
        case list() | tuple():
            return [_shown(held) for held in value]
        case _:
            return redact(str(value))


def show_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
    """The rows as a table of `columns` (name -> title), or the hint `empty` where there are none."""
    if not rows:
        click.echo(empty)
        return
    from rich import box  # where no table is shown and no bar, a tenth of the start would go into rich
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name, title in columns.items():
        is_count = name.startswith("rows_")
        table.add_column(
            title, justify="right" if is_count else "left", no_wrap=is_count or name == "id", overflow="fold"
        )
    for row in rows:
        table.add_row(*(str(row["id"])[:8] if name == "id" else _cell(name, row[name]) for name in columns))
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)
    console.print(table)


def show_record(record: Mapping[str, Any]) -> None:
    """One row, a line for each column that has a value."""
    for name, value in record.items():
        if value is not None:
            click.echo(f"{name:<18} {_cell(name, value)}")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    if isinstance(value, dict):
        return harmless(json.dumps(_shown(value), ensure_ascii=False))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return harmless(f"{value:,}" if name.startswith("rows_") else str(value))


@contextmanager
def progress(file: str) -> Iterator[Callable[[Progress], None]]:
    """A callback for the importer: a bar with rows/s and time left on a terminal, plain lines elsewhere, on stderr."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as ProgressBar

    with ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} rows/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        started = time.monotonic()
        task = bar.add_task(harmless(file.rsplit("/", 1)[-1]), total=None, rate="-")

        def move(now: Progress) -> None:
            bar.update(task, completed=now.done, total=now.total, rate=f"{_rate(now, started):,.0f}")

        yield move


def _plain_lines() -> Callable[[Progress], None]:
    started = said = time.monotonic()

    def say(now: Progress) -> None:
        nonlocal said
        if time.monotonic() - said < SECONDS_BETWEEN_LINES:
            return
        said = time.monotonic()
        rate = _rate(now, started)
        left = (now.total - now.done) / rate
        click.echo(f"landed {now.done:,} of {now.total:,} records, {rate:,.0f} rows/s, {left:.0f} s left", err=True)

    return say


def _rate(now: Progress, started: float) -> float:
    return now.done / max(time.monotonic() - started, 1e-6)
