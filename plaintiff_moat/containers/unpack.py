"""From the delivered file to the text in it: what the bytes are decides, and what was opened is said."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from plaintiff_moat.containers.kinds import Kind, kind_of, require_name_agrees, require_unasked
from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.source.delivery import check_unchanged, opened
from plaintiff_moat.spool import Spool

__all__ = ["Content", "unpacked"]

_BLOCK = 1 << 20
_OPENING = 16


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
            require_unasked(name, "a file that is no archive and no workbook", member=member, sheet=sheet)
            return None
        # a plain file, as most are, needs nothing of what opens a container: 0.02 s to import
        from plaintiff_moat.containers.opening import Opening, write_all  # noqa: PLC0415

        limits = limits or Limits.of_environment()
        spool = Spool()
        try:
            digest = sha256()
            with spool.create(name, before.st_size) as copy:
                while block := os.read(descriptor, _BLOCK):
                    digest.update(block)
                    write_all(copy, block)
                check_unchanged(path, descriptor, before, copy.size)
                copy.seek(0)
                opening = Opening(name, kind, copy, spool, limits)
                remark = require_name_agrees(name, opening.kind)
                what, part, text = opening.extract(member, sheet)
                copy.path.unlink()
        except BaseException:
            spool.close()
            raise
    is_written_here = opening.kind in {Kind.WORKBOOK, Kind.PARQUET}
    return Content(text, digest.hexdigest(), copy.size, what, part, remark, is_written_here, spool)
