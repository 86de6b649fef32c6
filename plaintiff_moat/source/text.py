"""A file's bytes as the text that the reader works on, and back: ASCII delimiters, lines that end with LF.

UTF-16 becomes UTF-8; where CR ends lines, CR and LF change places, so that an LF inside quotes is still told from a
line end. Every other file is its own text. Both ways lose nothing: what is no UTF-16 becomes what is no UTF-8.
"""

import codecs

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.encoding_names import UTF_16

__all__ = ["TextDecoder", "exchanged", "file_bytes"]

_EXCHANGE = bytes.maketrans(b"\r\n", b"\n\r")
_ODD = b"\xff"  # stands for half a unit at the end of a file; found nowhere else, since it is no UTF-8


class TextDecoder:
    """Turns a file, block by block, into text."""

    def __init__(self, dialect: Dialect) -> None:
        is_utf_16 = dialect.encoding in UTF_16
        self._decoder = codecs.getincrementaldecoder(dialect.encoding)("surrogatepass") if is_utf_16 else None
        self._exchanges = dialect.line_end == "\r"
        self._held = b""

    @property
    def half_unit(self) -> bytes:
        """The byte by which a file in UTF-16 ends in the middle of a unit, if it does."""
        return self._held

    def text(self, block: bytes, *, final: bool) -> bytes:
        """Return the text of the next block, as far as it is complete."""
        if self._decoder is not None:
            units = self._held + block
            whole = len(units) & ~1
            self._held = units[whole:]
            block = self._decoder.decode(units[:whole], final).encode("utf-8", "surrogatepass")
            if final and self._held:
                block += _ODD
        return exchanged(block) if self._exchanges else block


def exchanged(text: bytes) -> bytes:
    """Return the text with CR for LF and LF for CR."""
    return text.translate(_EXCHANGE)


def file_bytes(text: bytes | memoryview, dialect: Dialect) -> bytes | memoryview:
    """Return the bytes of the file that became this text, but for half a unit at its end."""
    if dialect.line_end == "\r":
        text = exchanged(bytes(text))
    if dialect.encoding in UTF_16:
        units = bytes(text).removesuffix(_ODD).decode("utf-8", "surrogatepass")
        return units.encode(dialect.encoding, "surrogatepass")
    return text
