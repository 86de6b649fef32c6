"""Compressed streams: gzip, bzip2 and zstd, of one or several members, whole or not at all."""

import bz2
import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from plaintiff_moat.containers.kinds import Kind
from plaintiff_moat.errors import BadInput

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["expanded"]

_BLOCK = 1 << 20
# 128 MiB, the most that a decoder keeps by default; a frame that wants more is refused.
_WINDOW_LOG = 27


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


def expanded(name: str, kind: Kind, packed: BinaryIO) -> Iterator[bytes]:
    """The content of all members, in blocks of at most a mebibyte.

    Raises BadInput when it ends early, fails a checksum, or has anything behind it that is no member.
    """
    try:
        if kind is Kind.GZIP:
            yield from _gzip(packed)
        elif kind is Kind.BZIP2:
            yield from _members(packed, bz2.BZ2Decompressor)
        else:
            yield from _members(packed, _zstd)
    except EOFError:
        raise BadInput(
            f"{name}: expected {kind.value} data to its end, found it cut short; ask the vendor for the whole file"
        ) from None
    except (OSError, ValueError, zlib.error, zstd.ZstdError) as fault:
        reason = "a wrong checksum" if "crc" in str(fault).lower() or "checksum" in str(fault) else "damage"
        raise BadInput(
            f"{name}: expected whole {kind.value} data, found {reason}; the file was damaged on its way, ask for it"
            " again"
        ) from None


def _gzip(packed: BinaryIO) -> Iterator[bytes]:
    # reads member after member, skips padding of zeros, and refuses all else behind them
    with gzip.GzipFile(fileobj=packed, mode="rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _zstd() -> _Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


def _members(packed: BinaryIO, new: Callable[[], _Decompressor]) -> Iterator[bytes]:
    # not bz2.BZ2File, which takes whatever stands behind the first member for the end
    data = packed.read(_BLOCK)
    while data:
        member = new()
        while not member.eof:
            if member.needs_input and not data and not (data := packed.read(_BLOCK)):
                raise EOFError
            block = member.decompress(data, _BLOCK)
            data = b""
            if block:
                yield block
        data = member.unused_data or packed.read(_BLOCK)
