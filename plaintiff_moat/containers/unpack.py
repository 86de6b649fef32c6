"""From the delivered file to the text in it: what the bytes are decides, and what was opened is said."""

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from plaintiff_moat.containers.archive import Archive, Member, shown
from plaintiff_moat.containers.kinds import Kind, kind_of, require_name_agrees
from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.containers.parquet import write_parquet
from plaintiff_moat.containers.sheet import write_sheet
from plaintiff_moat.containers.streams import expanded
from plaintiff_moat.containers.workbook import Workbook, is_workbook, refuse_other_documents
from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.delivery import check_unchanged, opened
from plaintiff_moat.spool import Spool, SpoolFile

__all__ = ["Content", "unpacked"]

_BLOCK = 1 << 20
_OPENING = 16
_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Content:
    """The text that a delivered container holds, in a spool that goes when it is closed.

    `path` is the text, `file_hash` and `size` are those of the delivered bytes. `what` names the container and what of
    it was opened, the same for the same bytes; `part` tells what was opened from what else is in it by place and name,
    and is None where nothing else is or nobody had to choose; `remark` is what to say about its name.
    `is_written_here` tells whether the text was written from cells (comma, double quotes, UTF-8) or stood in the
    container.
    """

    path: Path
    file_hash: str
    size: int
    what: str
    part: str | None
    remark: str
    is_written_here: bool
    spool: Spool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes the text."""
        self.spool.close()


def unpacked(
    path: str | os.PathLike[str], *, member: str | None = None, sheet: str | None = None, limits: Limits | None = None
) -> Content | None:
    """The content of a container, written into a spool; None for a file that is none.

    `member` chooses a file of a zip archive, which without it has exactly one; `sheet` a sheet of a workbook, without
    it the first that is not hidden. `limits` are those of the environment. What is opened is a copy of the file, hashed
    while it was made: the bytes that are read are the bytes that were hashed.

    Raises BadInput for a container that is damaged, encrypted, nested, larger than the limits, not what its name says,
    or without what was asked for; SourceChanged for a file that changes meanwhile.
    """
    name = Path(path).name
    with opened(path) as (descriptor, before):
        kind = kind_of(name, os.pread(descriptor, _OPENING, 0))
        if kind is None:
            require_name_agrees(name, None)
            _require_unasked(name, "a file that is no archive and no workbook", member=member, sheet=sheet)
            return None
        limits = limits or Limits.of_environment()
        spool = Spool()
        try:
            digest = sha256()
            with spool.create(name, before.st_size) as copy:
                while block := os.read(descriptor, _BLOCK):
                    digest.update(block)
                    _write(copy, block)
                check_unchanged(path, descriptor, before, copy.size)
                copy.seek(0)
                opening = _Opening(name, kind, copy, spool, limits)
                remark = require_name_agrees(name, opening.kind)
                what, part, text = opening.extract(member, sheet)
                copy.path.unlink()
        except BaseException:
            spool.close()
            raise
    is_written_here = opening.kind in {Kind.WORKBOOK, Kind.PARQUET}
    return Content(text, digest.hexdigest(), copy.size, what, part, remark, is_written_here, spool)


class _Opening:
    """A container whose copy is read: its kind, and its text written into the spool."""

    def __init__(self, name: str, kind: Kind, copy: SpoolFile, spool: Spool, limits: Limits) -> None:
        self._name = name
        self._copy = copy
        self._spool = spool
        self._limits = limits
        self._archive = Archive(name, copy, limits) if kind is Kind.ZIP else None
        self.kind = Kind.WORKBOOK if self._archive is not None and is_workbook(self._archive) else kind

    def extract(self, member: str | None, sheet: str | None) -> tuple[str, str | None, Path]:
        """What was opened, by what it is told from the other parts, and where its text is."""
        a_member = None if self.kind is Kind.ZIP else member
        a_sheet = None if self.kind is Kind.WORKBOOK else sheet
        _require_unasked(self._name, f"a {self.kind.value} file", member=a_member, sheet=a_sheet)
        part = None
        with self._spool.create(self._name, *self._limits.content_bytes(self._copy.size)) as out:
            if self._archive is None:
                if self.kind is Kind.PARQUET:
                    with _as_text(out) as content:
                        write_parquet(self._name, self._copy.path, content, self._limits)
                else:
                    self._keep(out, expanded(self._name, self.kind, self._copy))
                what = self.kind.value
            elif self.kind is Kind.WORKBOOK:
                workbook = Workbook(self._name, self._archive, self._spool, self._limits)
                chosen = workbook.sheet(sheet)
                with _as_text(out) as content:
                    write_sheet(self._name, workbook, chosen, content, self._limits)
                part = f"{chosen.number}-{chosen.name}" if workbook.is_one_of_several(chosen) else None
                what = f"{self.kind.value}, sheet {shown(chosen.name)}, {chosen.number} of {len(workbook.sheets)}"
            else:
                refuse_other_documents(self._name, self._archive)
                found = self._member(self._archive, member)
                self._keep(out, self._archive.blocks(found))
                part = f"{found.number}-{found.name}" if len(self._archive.members) > 1 else None
                what = f"{self.kind.value}, member {shown(found.name)}, {found.number} of {len(self._archive.members)}"
        return what, part, out.path

    def _member(self, archive: Archive, asked: str | None) -> Member:
        members = archive.members
        found = archive.find(asked) if asked is not None else members[0] if len(members) == 1 else None
        if found is None:
            names = ", ".join(shown(member.name) for member in members[:_NAMES_SHOWN])
            more = ", \N{HORIZONTAL ELLIPSIS}" if len(members) > _NAMES_SHOWN else ""
            raise BadInput(
                f"{self._name}: expected {'one file in the archive' if asked is None else 'the member asked for'}, "
                f"found {len(members)}{f': {names}{more}' if members else ''}; name one with --member"
            )
        return found

    def _keep(self, out: SpoolFile, blocks: Iterable[bytes]) -> None:
        """Writes the content, unless it is a container itself: what is in that was not hashed by its own name."""
        for block in blocks:
            if out.size == 0:
                nested = kind_of(self._name, block[:_OPENING])
                if nested is not None:
                    raise BadInput(
                        f"{self._name}: expected CSV text in the {self.kind.value} file, found {nested.value} in it; "
                        "unpack the outer one and import what is in it"
                    )
            _write(out, block)


def _require_unasked(name: str, found: str, *, member: str | None, sheet: str | None) -> None:
    if member is not None:
        raise BadInput(f"{name}: expected a zip archive to take a member of, found {found}; leave --member out")
    if sheet is not None:
        raise BadInput(f"{name}: expected a workbook to take a sheet of, found {found}; leave --sheet out")


def _as_text(out: SpoolFile) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(out, _BLOCK), encoding="utf-8", newline="")


def _write(file: SpoolFile, data: bytes) -> None:
    while data:
        data = data[file.write(data) :]
