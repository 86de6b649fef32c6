"""How a delivery writes its cells: delimiter, quote and encoding."""

from dataclasses import dataclass

__all__ = ["Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""Says which bytes separate and enclose cells; lines end with LF or CRLF, a quote is doubled inside quotes.

    `delimiter` and `quote` are one ASCII character each, neither of them a line end; a quote in any other place
    than around a whole cell is damage (RFC 4180, section 2).
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        for character in (self.delimiter, self.quote):
            if len(character) != 1 or not character.isascii() or character in "\r\n\0":
                raise ValueError("expected one ASCII character that is no line end as delimiter and as quote")
        if self.encoding != "utf-8":
            raise ValueError("expected utf-8 as encoding")
        if self.delimiter == self.quote:
            raise ValueError("expected a delimiter and a quote that differ")
