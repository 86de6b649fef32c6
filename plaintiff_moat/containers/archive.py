"""Zip archives: which members one has, and the bytes of one, whole or not at all. Members' names are never paths."""

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final

from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.errors import BadInput
from plaintiff_moat.redaction import redact

__all__ = ["Archive", "Member", "shown"]

_BLOCK: Final = 1 << 20
_ENCRYPTED: Final = 0x1
_LOCAL_HEADER: Final = 30  # bytes before the name (application note 6.3, section 4.3.7)
# The directory's end: 22 bytes and a comment; for a directory of more than 65,535, a locator and a record before it.
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LONGEST_ENTRY: Final = 46 + (64 << 10)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; `number` counts from 1 the ones that are not left out."""

    number: int
    name: str
    info: zipfile.ZipInfo


class Archive:
    """A zip archive. Folders, symbolic links, and what macOS adds to each file, are left out of its members.

    Raises BadInput for one with a damaged directory, more entries than the limit, members that share bytes, a name that
    two members have, or anything before its first member or behind its end: that could be another archive.
    """

    def __init__(self, name: str, packed: BinaryIO, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        entries, size, is_all = _declared(packed)
        if entries > limits.members or size > limits.members * _LONGEST_ENTRY:
            raise limits.refusal(name, "members", "entries of an archive")
        try:
            self._zip = zipfile.ZipFile(packed)
        except (zipfile.BadZipFile, ValueError, OSError, struct.error, NotImplementedError):
            raise self._damaged("a directory that cannot be read") from None
        infos = self._zip.infolist()
        if len(infos) > limits.members:
            raise limits.refusal(name, "members", "entries of an archive")
        self._check_apart(infos)
        if not is_all or min((info.header_offset for info in infos), default=0) > 0:
            raise self._damaged("bytes that are none of its")
        if any("\0" in info.orig_filename for info in infos):
            raise self._damaged("a member with a NUL in its name")
        files = [info for info in infos if not _is_left_out(info)]
        self.members = [Member(number, info.filename, info) for number, info in enumerate(files, 1)]
        if any(count > 1 for count in Counter(member.name for member in self.members).values()):
            raise self._damaged("two members of one name")

    def find(self, name: str) -> Member | None:
        """The member of this name, with its folders or without; None where there is none or more than one."""
        whole = [member for member in self.members if member.name == name]
        last = [member for member in self.members if member.name.rsplit("/", 1)[-1] == name]
        return whole[0] if whole else last[0] if len(last) == 1 else None

    def blocks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes, at most a mebibyte at once.

        Raises BadInput for one that is encrypted, expands beyond the limits, ends early or fails its checksum.
        """
        if member.info.flag_bits & _ENCRYPTED:
            raise BadInput(
                f"{self._name}: expected an archive without a password, found member {shown(member.name)} encrypted; "
                "unpack it first, or ask the vendor for one without"
            )
        limit, remedy = self._limits.content_bytes(member.info.compress_size)
        taken = 0
        try:
            with self._zip.open(member.info) as stream:
                while block := stream.read(_BLOCK):
                    taken += len(block)
                    if taken > limit:
                        raise BadInput(
                            f"{self._name}: expected member {shown(member.name)} to expand to at most {limit:,} bytes,"
                            f" found more; {remedy}"
                        )
                    yield block
        except NotImplementedError:
            raise BadInput(
                f"{self._name}: expected deflate, bzip2 or LZMA in an archive, found another compression; "
                "unpack it first, or pack it with another program"
            ) from None
        except EOFError:
            raise self._damaged("it cut short") from None
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, struct.error):
            raise self._damaged(f"member {shown(member.name)} damaged") from None
        if taken != member.info.file_size:
            raise self._damaged(f"member {shown(member.name)} of another length than it says")

    def _check_apart(self, infos: list[zipfile.ZipInfo]) -> None:
        """Members that share bytes let a small archive expand without end, each of them within every ratio."""
        ordered = sorted(infos, key=lambda info: info.header_offset)
        for info, following in pairwise(ordered):
            if info.header_offset + _LOCAL_HEADER + info.compress_size > following.header_offset:
                raise self._damaged("members that overlap")

    def _damaged(self, found: str) -> BadInput:
        return BadInput(
            f"{self._name}: expected a whole zip archive, found {found}; it was damaged on its way or made by a program"
            " that errs: ask the vendor for it again"
        )


def shown(name: str) -> str:
    """A member's or sheet's name as it may be shown: redacted, and without what a terminal would obey."""
    text = redact(name)
    return repr(
        redact("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))
    )


def _is_left_out(info: zipfile.ZipInfo) -> bool:
    last = info.filename.rsplit("/", 1)[-1]
    is_link = stat.S_ISLNK(info.external_attr >> 16)  # where programs of Unix keep the mode
    return info.is_dir() or is_link or info.filename.startswith("__MACOSX/") or last == ".DS_Store"


def _declared(packed: BinaryIO) -> tuple[int, int, bool]:
    """Entries and bytes of the directory as its end tells, before anything reads the directory into memory.

    Last, whether the file ends where the archive does.
    """
    size = packed.seek(0, os.SEEK_END)
    packed.seek(max(0, size - 22 - (64 << 10)))
    tail = packed.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        return 0, 0, False
    found = [struct.unpack("<HL", tail[at + 10 : at + 16])]
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR_64:  # noqa: PLR2004 - the locator's bytes
        (where,) = struct.unpack("<Q", tail[at - 12 : at - 4])
        # where the locator says, and where it should be: readers differ in which of them they look at
        for place in (where, size - len(tail) + at - 20 - 56):
            packed.seek(max(0, min(place, size)))
            record = packed.read(56)
            if record[:4] == _END_64 and len(record) == 56:  # noqa: PLR2004 - the record's bytes
                found.append(struct.unpack("<QQ", record[32:48]))
        if len(found) > 1:
            del found[0]
    (comment,) = struct.unpack("<H", tail[at + 20 : at + 22])
    is_all = len(tail) == at + 22 + comment
    return max(entries for entries, _ in found), max(length for _, length in found), is_all
