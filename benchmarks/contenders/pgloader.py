"""pgloader into a table of text columns: loads in batches and sets bad lines aside."""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from contenders.columns import TEXT_TABLE, count, execute

NEEDS = ("pgloader",)

_COMMAND = """\
load csv
    from '{file}'
    into postgresql://{user}@unix:{folder}:{port}/{database}
    target table plaintiffs
    with skip header = 1, fields optionally enclosed by '"', fields escaped by double-quote,
        fields terminated by ',', drop indexes;
"""


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Make the table."""
    execute(url, TEXT_TABLE)


def load(url: str, file: str) -> None:
    """Become pgloader."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    command = Path(file).with_suffix(".load")
    command.write_text(
        _COMMAND.format(
            file=file, user=asked["user"][0], folder=asked["host"][0], port=asked["port"][0], database=parts.path[1:]
        ),
        encoding="utf-8",
    )
    pgloader = shutil.which("pgloader") or sys.exit("pgloader is not installed")
    os.execv(pgloader, [pgloader, "--quiet", "--on-error-stop", str(command)])  # noqa: S606


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
