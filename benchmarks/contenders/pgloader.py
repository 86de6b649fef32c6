"""pgloader into a table of text columns: loads in batches and sets bad lines aside."""

from collections.abc import Sequence
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


def command(url: str, file: str) -> Sequence[str]:
    """It reads what to do from a file of its own, beside the vendor's."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    commands = Path(file).with_suffix(".load")
    commands.write_text(
        _COMMAND.format(
            file=file, user=asked["user"][0], folder=asked["host"][0], port=asked["port"][0], database=parts.path[1:]
        ),
        encoding="utf-8",
    )
    return ["pgloader", "--quiet", "--on-error-stop", str(commands)]


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
