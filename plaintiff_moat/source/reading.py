"""What somebody says about how a file is to be read, instead of having it found out."""

from dataclasses import dataclass

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.encoding_names import canonical

__all__ = ["AS_IT_IS", "Reading"]

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}
QUOTES = {"double": '"', "single": "'", "none": ""}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file; what is None is found out from the file.

    `delimiter` and `quote` are one ASCII character or its name (comma, semicolon, tab, pipe; double, single, none);
    a `quote` of "" says that no cell is enclosed. `encoding` is a name that Python knows, of UTF-8, UTF-16 or a
    single-byte encoding that extends ASCII. Raises BadInput for anything else. `member` is the file of a zip archive,
    `sheet` the sheet of a workbook.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    member: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        delimiter = DELIMITERS.get(self.delimiter or "", self.delimiter)
        quote = QUOTES.get(self.quote or "", self.quote)
        for what, value, names in (("delimiter", delimiter, DELIMITERS), ("quote", quote, QUOTES)):
            if value and (len(value) != 1 or not value.isascii() or value in "\r\n\0"):
                named = ", ".join(name for name in names if name.isalpha())
                raise BadInput(f"expected one ASCII character as {what}, or one of {named}; name it so")
        if delimiter == "" or (delimiter is not None and delimiter == quote):
            raise BadInput("expected a delimiter that is a character of its own; name one")
        if delimiter is None and quote in DELIMITERS.values():
            raise BadInput("expected a quote that is no usual delimiter, or a delimiter too; name it")
        object.__setattr__(self, "delimiter", delimiter)
        object.__setattr__(self, "quote", quote)
        if self.encoding is not None:
            object.__setattr__(self, "encoding", canonical(self.encoding))


AS_IT_IS = Reading()
