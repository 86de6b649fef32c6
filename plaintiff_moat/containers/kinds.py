"""What a file is: its first bytes decide, its name is held against them."""

from enum import Enum
from pathlib import PurePath
from typing import Final

from plaintiff_moat.errors import BadInput

__all__ = ["Kind", "content_stem", "kind_of", "require_name_agrees", "require_unasked"]


class Kind(Enum):
    """A container that can be opened; the value is what people call it."""

    GZIP = "gzip"
    BZIP2 = "bzip2"
    ZSTD = "zstd"
    ZIP = "zip"
    PARQUET = "parquet"
    WORKBOOK = "Excel workbook"


# Of a zip archive only what is in it tells whether it is a workbook: `containers.archive` looks.
_MARKS: Final = (
    (b"\x1f\x8b", Kind.GZIP),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"PAR1", Kind.PARQUET),
)
_ENDINGS: Final = {
    ".gz": Kind.GZIP,
    ".bz2": Kind.BZIP2,
    ".zst": Kind.ZSTD,
    ".zip": Kind.ZIP,
    ".parquet": Kind.PARQUET,
    ".xlsx": Kind.WORKBOOK,
    ".xlsm": Kind.WORKBOOK,
}
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SKIPPABLE_FRAME: Final = b"\x2a\x4d\x18"


def kind_of(name: str, opening: bytes) -> Kind | None:
    """The container that begins with these bytes; None for what is none. Raises BadInput for an old workbook.

    The marks are those of RFC 1952, RFC 8878, the bzip2 format, the zip application note and the parquet format.
    """
    if opening.startswith(_OLD_OFFICE):
        raise BadInput(
            f"{name}: expected CSV text or an Excel workbook (.xlsx), found an old one (.xls) or one with a password; "
            "open it in Excel and save it as .xlsx without a password"
        )
    for mark, kind in _MARKS:
        if opening.startswith(mark):
            return kind
    if opening[:3] == b"BZh" and opening[3:4] in b"123456789" and opening[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return Kind.BZIP2
    # a frame of nothing but notes, which some tools put first
    if opening[1:4] == _SKIPPABLE_FRAME and opening[0] & 0xF0 == 0x50:  # noqa: PLR2004
        return Kind.ZSTD
    return None


def require_name_agrees(name: str, kind: Kind | None) -> str:
    """What is to be said about a file whose name tells nothing of its kind, else nothing.

    Raises BadInput for a file whose name says that it is another container, or one at all and it is none.
    """
    ending = PurePath(name).suffix.lower()
    named = _ENDINGS.get(ending)
    if named is not None and named is not kind:
        found = "none" if kind is None else f"another kind: {kind.value}"
        raise BadInput(
            f"{name}: expected {named.value} by its name, found {found}; give the file its right name, or ask the"
            " vendor for it again"
        )
    return f", although its name ends in {ending or 'nothing'}" if named is None and kind is not None else ""


def content_stem(name: str) -> str:
    """The file's name without the ending of a container: that of its content."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in _ENDINGS else name


def require_unasked(name: str, found: str, *, member: str | None, sheet: str | None) -> None:
    """Raises BadInput where a member or a sheet was asked for of what has none."""
    if member is not None:
        raise BadInput(f"{name}: expected a zip archive to take a member of, found {found}; leave --member out")
    if sheet is not None:
        raise BadInput(f"{name}: expected a workbook to take a sheet of, found {found}; leave --sheet out")
