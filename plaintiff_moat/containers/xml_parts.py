"""The XML of a workbook's parts, read as a stream in bounded memory."""

from collections.abc import Iterable
from typing import Final
from xml.parsers import expat

from plaintiff_moat.errors import BadInput

__all__ = ["Attributes", "Part", "feed", "local"]

Attributes = dict[str, str]

# An expat parser keeps each open element, each name it ever saw, and the token that it is in the midst of.
_DEPTH: Final = 64
_NAMES: Final = 10_000
_BLOCK: Final = 64 << 10


class Part:
    """What is done with a part's elements; names of elements come without their prefixes."""

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins."""

    def text(self, text: str) -> None:
        """A piece of an element's text."""

    def end(self, element: str) -> None:
        """An element ends."""


def feed(name: str, blocks: Iterable[bytes], part: Part, token_bytes: int) -> None:
    """Tells the part of every element, in their order.

    Raises BadInput for what is no XML, or has a document type: no workbook has one, every bomb of XML does.
    """
    parser = expat.ParserCreate(intern={})
    parser.buffer_text = True
    depth = 0

    def refuse(*_: object) -> None:
        raise BadInput(
            f"{name}: expected a workbook as Excel writes it, found XML that defines entities or grows without end; "
            "open it in Excel and save it again"
        )

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            refuse()
        part.start(local(tag), attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        part.end(local(tag))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = part.text
    parser.StartDoctypeDeclHandler = refuse
    fed = 0
    try:
        for block in blocks:
            for at in range(0, len(block), _BLOCK):
                piece = block[at : at + _BLOCK]
                parser.Parse(piece, False)
                fed += len(piece)
                if fed - parser.CurrentByteIndex > token_bytes or len(parser.intern) > _NAMES:
                    refuse()
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError):
        raise BadInput(
            f"{name}: expected a workbook as Excel writes it, found a part that is not as it should be; "
            "open it in Excel and save it again"
        ) from None


def local(tag: str) -> str:
    """A name without its prefix: writers differ in whether they have one."""
    return tag.rpartition(":")[2] if ":" in tag else tag
