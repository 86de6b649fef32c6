"""How a corrected export is read: as it was written, unless a spreadsheet has saved it otherwise."""

import codecs
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.encoding_names import UTF_8, UTF_16
from plaintiff_moat.source.encodings import Evidence, marked
from plaintiff_moat.source.grammar import Grammar
from plaintiff_moat.source.header import text_start
from plaintiff_moat.source.reading import Reading
from plaintiff_moat.source.text import TextDecoder

__all__ = ["reading_of_export"]

_OPENING = 1 << 20


def reading_of_export(path: str | os.PathLike[str], reading: Reading, layout: Mapping[str, Any] | None) -> Reading:
    """Return `reading` with what nobody has said of the copy and `layout` does, that of the run it was exported from.

    The vendor's encoding is that of a copy whose bytes are not UTF-8, unless they spell no words in it: to find it out
    again is a guess among those that give every byte a character. Delimiter and quote are the vendor's where the header
    has them between its cells, as exports are written. What cannot be opened is left to whoever reads it.
    """
    if layout is None:
        return reading
    encoding = layout["encoding"]
    try:
        with Path(path).open("rb") as file:
            opening = file.read(_OPENING)
            mark = marked(Path(path).name, opening, None)
            if mark is None and b"\0" in opening:  # a container
                return reading
            decoder, evidence = codecs.getincrementaldecoder(UTF_8)(), Evidence()
            is_evident, piece = True, b"" if mark else opening
            while piece:
                is_evident = is_evident and _decodes(decoder, piece)
                evidence.add(piece)
                piece = file.read(_OPENING)
            evidence.add(b"")
        quote = layout["quote"] or '"'
        is_as_written = _is_as_written(opening, Dialect(layout["delimiter"], quote, mark or UTF_8), layout)
    except (BadInput, OSError, ValueError):
        return reading
    is_vendors = not is_evident and encoding not in {UTF_8, *UTF_16} and not evidence.speaks_against(encoding)
    if reading.encoding is None and is_vendors:
        reading = replace(reading, encoding=encoding)
    if is_as_written and reading.delimiter is None and reading.quote is None:
        reading = replace(reading, delimiter=layout["delimiter"], quote=quote)
    return reading


def _is_as_written(opening: bytes, dialect: Dialect, layout: Mapping[str, Any]) -> bool:
    text = TextDecoder(dialect).text(opening, final=False)
    start = text_start(text)[0]
    _, end, is_whole = Grammar(dialect, 1).cells(text, start)
    between = f"{dialect.quote}{dialect.delimiter}{dialect.quote}".encode()
    return is_whole and text.count(between, start, end) >= len(layout["columns"])


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes) -> bool:
    try:
        decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True
