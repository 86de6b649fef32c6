"""How a delivery writes its cells: delimiter, quote, encoding and line end."""

from dataclasses import dataclass

from plaintiff_moat.source.encoding_names import UTF_16

__all__ = ["Dialect"]

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", '"': "double quote", "'": "single quote"}


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""Says which bytes separate and enclose cells; a quote is doubled inside quotes.

    `delimiter` and `quote` are one ASCII character each, neither of them a line end; a quote in any other place
    than around a whole cell is damage (RFC 4180, section 2). `quote` is "" where no cell is enclosed and quotes are
    text. `line_end` is "\n", which stands for CRLF too, or "\r".
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    line_end: str = "\n"

    def __post_init__(self) -> None:
        for character in (self.delimiter, self.quote or "'"):
            if len(character) != 1 or not character.isascii() or character in "\r\n\0":
                raise ValueError("expected one ASCII character that is no line end as delimiter and as quote")
        if self.delimiter == self.quote:
            raise ValueError("expected a delimiter and a quote that differ")
        if self.line_end not in {"\n", "\r"}:
            raise ValueError("expected LF or CR as line end")

    @property
    def text_encoding(self) -> str:
        """The encoding of the text that the reader works on: UTF-8 for UTF-16, else the file's own."""
        return "utf-8" if self.encoding in UTF_16 else self.encoding

    def __str__(self) -> str:
        quote = _NAMES.get(self.quote, f"quote {self.quote!r}" if self.quote else "no quotes")
        ends = "CR" if self.line_end == "\r" else "LF or CRLF"
        return f"{self.encoding}, {_NAMES.get(self.delimiter, repr(self.delimiter))}, {quote}, lines end with {ends}"
