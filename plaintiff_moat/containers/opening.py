"""A container that is opened: what in it is the text, written into a spool."""

import io
from collections.abc import Iterable
from pathlib import Path

from plaintiff_moat.containers.archive import Archive, Member, shown
from plaintiff_moat.containers.kinds import Kind, kind_of, require_unasked
from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.containers.parquet import write_parquet
from plaintiff_moat.containers.sheet import write_sheet
from plaintiff_moat.containers.streams import expanded
from plaintiff_moat.containers.workbook import Workbook, is_workbook, refuse_other_documents
from plaintiff_moat.errors import BadInput
from plaintiff_moat.spool import Spool, SpoolFile

__all__ = ["Opening", "write_all"]

_BLOCK = 1 << 20
_OPENING = 16
_NAMES_SHOWN = 10


class Opening:
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
        require_unasked(self._name, f"a {self.kind.value} file", member=a_member, sheet=a_sheet)
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
            write_all(out, block)


def _as_text(out: SpoolFile) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(out, _BLOCK), encoding="utf-8", newline="")


def write_all(file: SpoolFile, data: bytes) -> None:
    """Writes all of it, in as many pieces as the file takes it."""
    while data:
        data = data[file.write(data) :]
