"""Many files in one go: which files a path stands for, and each of them taken in by itself."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import tee, zip_longest
from pathlib import Path

from plaintiff_moat.errors import DatabaseNotMigrated, DatabaseUnreachable, MoatError, NotPermitted, RunFailed
from plaintiff_moat.expected import MANIFEST_ENDING
from plaintiff_moat.redaction import describe_error
from plaintiff_moat.summary import ImportSummary

__all__ = ["Outcome", "files_at", "take_each"]

_ENDINGS = frozenset(
    {".csv", ".tsv", ".txt", ".gz", ".bz2", ".zst", ".zip", ".xlsx", ".xlsm", ".parquet"}
    | {".xls", ".xlsb", ".ods"}  # refused with what to do about it, rather than overlooked
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file of many: its summary, or the error that stopped it and no other."""

    path: Path
    summary: ImportSummary | None
    error: MoatError | None


def files_at(path: str | os.PathLike[str]) -> list[Path] | None:
    """The files of a folder or of a pattern such as `incoming/*.csv`, by name; None where `path` stands for itself.

    Of a folder: its own files that end as text, archives, workbooks and parquet files do, in any case. Hidden ones,
    those of folders within, and what Excel keeps beside an open workbook (~$…) are left alone.
    """
    if Path(path).is_dir():
        found = sorted(Path(path).iterdir())
        return [
            file
            for file in found
            if file.suffix.lower() in _ENDINGS and file.is_file() and not file.name.startswith((".", "~$"))
        ]
    if Path(path).exists() or not has_magic(os.fspath(path)):
        return None
    matching = (Path(match) for match in glob(os.fspath(path)))  # noqa: PTH207 - a pattern may begin at the root
    return sorted(file for file in matching if file.is_file() and not file.name.endswith(MANIFEST_ENDING)) or None


def take_each(
    paths: Iterable[Path], take: Callable[[Path], ImportSummary], ahead: Callable[[Path], object] = lambda _: None
) -> Iterator[Outcome]:
    """Takes the files one after the other, by `Importer.import_file` or `preview_file`; one that fails stops no other.

    Before each, `ahead` is told which follows it (`Importer.read_ahead`). A file that another process is at work on is
    taken once more at the end, so that several processes can share a folder. Raises what stops every file alike:
    DatabaseUnreachable, DatabaseNotMigrated, NotPermitted.
    """
    elsewhere: list[Path] = []
    files, following = tee(paths)
    next(following, None)
    for path, after in zip_longest(files, following):
        if after is not None:
            ahead(after)
        outcome = _take(path, take)
        if outcome.summary is not None and outcome.summary.claim_status == "in_progress":
            elsewhere.append(outcome.path)
        else:
            yield outcome
    for path in elsewhere:
        yield _take(path, take)


def _take(path: Path, take: Callable[[Path], ImportSummary]) -> Outcome:
    try:
        return Outcome(path, take(path), None)
    except (DatabaseUnreachable, DatabaseNotMigrated, NotPermitted):
        raise
    except MoatError as error:
        return Outcome(path, None, error)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is this file's
        return Outcome(path, None, RunFailed(f"unexpected error, please report it: {describe_error(fault)}"))
