"""How a corrected export is read: as it was written, unless a spreadsheet has saved it otherwise."""

import codecs
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plaintiff_moat.source.encoding_names import UTF_8, UTF_16
from plaintiff_moat.source.encodings import Evidence
from plaintiff_moat.source.reading import Reading

__all__ = ["reading_of_export"]

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OPENING = 1 << 20


def reading_of_export(path: str | os.PathLike[str], reading: Reading, layout: Mapping[str, Any] | None) -> Reading:
    """Return `reading` with what nobody has said of the copy and `layout` does, that of the run it was exported from.

    The vendor's encoding is that of a copy whose bytes are not UTF-8, unless they spell no words in it: to find it out
    again is a guess among those that give every byte a character. Delimiter and quote are the vendor's where the first
    line has them between its cells, as exports are written. What cannot be opened is left to whoever reads it.
    """
    if layout is None:
        return reading
    try:
        with Path(path).open("rb") as file:
            opening = file.read(_OPENING)
            if opening.startswith(_MARKS) or b"\0" in opening:  # it says itself what it is, or is a container
                return reading
            decoder, evidence = codecs.getincrementaldecoder(UTF_8)(), Evidence()
            is_utf_8, piece = True, opening
            while piece:
                is_utf_8 = is_utf_8 and _decodes(decoder, piece)
                evidence.add(piece)
                piece = file.read(_OPENING)
            evidence.add(b"")
    except (OSError, ValueError):
        return reading
    encoding = layout["encoding"]
    is_vendors = not is_utf_8 and encoding not in {UTF_8, *UTF_16} and not evidence.speaks_against(encoding)
    if reading.encoding is None and is_vendors:
        reading = replace(reading, encoding=encoding)
    quote = layout["quote"] or '"'
    between = f"{quote}{layout['delimiter']}{quote}".encode()
    is_as_written = opening.split(b"\n", 1)[0].count(between) >= len(layout["columns"])
    if is_as_written and reading.delimiter is None and reading.quote is None:
        reading = replace(reading, delimiter=layout["delimiter"], quote=quote)
    return reading


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes) -> bool:
    try:
        decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True
