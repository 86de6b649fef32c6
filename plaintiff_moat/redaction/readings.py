"""Two comparable readings of a text, so that the rules meet every spelling as plain ASCII bytes.

*As printed*: one byte a character. Every script's digits become ASCII digits; dashes, dots and spaces of
every kind become `-`, `.` and a space. *As decoded*: percent, backslash, HTML and quoted-printable escapes and enclosed
digits are resolved as well, and what has no width is dropped. Both are searched, because either alone can be
fooled: `LIKE '%201-23-4567%'` decodes to something harmless, `123%2D45%2D6789` prints as something harmless.
"""

import re
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from itertools import compress

from plaintiff_moat.redaction.context import Span, blanked

__all__ = ["HIDDEN", "Decoded", "decode", "printed"]

HIDDEN = "\x01"
"""As printed: a character without width, or a digit in a circle; there is something to decode."""

_PADDING = "\x00"  # fills a resolved escape up to the length it had, so that offsets stay true
_INVISIBLE = bytes([*range(9), *range(14, 32), 127])
_IS_VISIBLE = bytes(byte not in _INVISIBLE for byte in range(256))
_PLAIN = frozenset("0123456789-._+ \t\n\r\v\f")
_OF_NUMBERS = frozenset(char.encode() for char in _PLAIN)
_DIGITS, _WITHOUT_WIDTH = b"0123456789", _INVISIBLE.replace(_PADDING.encode(), b"")

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_BY_CATEGORY = {"Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n", "Cf": HIDDEN, "Cc": HIDDEN, "Mn": HIDDEN, "Me": HIDDEN}
# What Unicode files elsewhere: minus signs, bullets, box lines; what is left of a dash that was decoded with
# the wrong table (C1 controls, U+FFFD; lone surrogates below); full stops of other scripts; blank letters.
_BY_CHARACTER = {
    **dict.fromkeys("\u02d7\u06d4\u2043\u207b\u208b\u2212\u23af\u2500\u2501\u2796\u30fc\uff70\x96\x97\ufffd", "-"),
    **dict.fromkeys("\xb7\u2022\u2024\u2027\u2219\u22c5\u3002\u30fb\ufe52\uff0e\uff61\uff65", "."),
    **dict.fromkeys("\u115f\u1160\u3164\uffa0", HIDDEN),
    "\x85": "\n",
    "\uff3f": "_",
    "\uff0b": "+",
}
_UNDECODABLE = range(0xDC80, 0xDD00)
# UTF-8 taken for Windows-1252 or Latin-1: a dash arrives as three characters, a hard space as two.
_MOJIBAKE = re.compile("\xe2[\u20ac\x80][\x90-\x95\u2018-\u201d\u2022]|\xc2\xa0")


class _Folding(dict[int, str]):
    """What each character outside ASCII counts as; learns as it goes, up to a bound."""

    _BOUND = 10_000

    def __init__(self, *, enclosed_digits: bool) -> None:
        super().__init__()
        self._enclosed_digits = enclosed_digits

    def __missing__(self, code: int) -> str:
        folded = self._fold(chr(code))
        if len(self) < self._BOUND:
            self[code] = folded
        return folded

    def _fold(self, char: str) -> str:
        if (value := unicodedata.decimal(char, None)) is not None:
            return str(value)
        if (value := unicodedata.digit(char, None)) is not None:
            return str(value) if self._enclosed_digits else HIDDEN
        if ord(char) in _UNDECODABLE:
            return "-"
        return _BY_CHARACTER.get(char) or _BY_CATEGORY.get(unicodedata.category(char), "?")


_AS_PRINTED = _Folding(enclosed_digits=False)
_AS_DECODED = _Folding(enclosed_digits=True)

_HEX = "[0-9A-Fa-f]"
_NAMED = {
    **dict.fromkeys(("nbsp", "ensp", "emsp", "thinsp", "hairsp", "numsp", "puncsp", "nonbreakingspace", "tab"), " "),
    **dict.fromkeys(("hyphen", "dash", "ndash", "mdash", "horbar", "minus"), "-"),
    **dict.fromkeys(("period", "middot", "bull"), "."),
    **dict.fromkeys(("shy", "zwj", "zwnj", "zerowidthspace", "nobreak"), HIDDEN),
    "newline": "\n",
    "lowbar": "_",
    "plus": "+",
}


def printed(text: str) -> bytes:
    """Byte n stands for character n; a character that has no part in a number becomes `?`."""
    return text.encode("ascii") if text.isascii() else _folded(text, _AS_PRINTED)


class Decoded:
    """The second reading, without what has no width; knows where its bytes came from."""

    __slots__ = ("_aligned", "_origins", "reading")

    def __init__(self, aligned: bytes) -> None:
        self._aligned = aligned
        self._origins: list[int] | None = None
        self.reading = aligned.translate(None, _INVISIBLE)

    def original(self, span: Span) -> Span:
        """The span of the text that this span of the reading was written as."""
        origins = self._where()
        first, after = origins[span[0]], origins[span[1] - 1] + 1
        while self._aligned.startswith(_PADDING.encode(), after):
            after += 1
        return first, after

    def of(self, span: Span) -> Span:
        """The span of the reading that this span of the text is read as."""
        return bisect_left(self._where(), span[0]), bisect_left(self._where(), span[1])

    def joins(self, span: Span, as_printed: bytes) -> bool:
        """Whether this span of the text goes on in this reading, as a number can, where it ends as it is printed."""
        first, after = self.of(span)
        return any(
            here != printed and here in _OF_NUMBERS
            for here, printed in (
                (self.reading[max(0, first - 1) : first], as_printed[max(0, span[0] - 1) : span[0]]),
                (self.reading[after : after + 1], as_printed[span[1] : span[1] + 1]),
            )
        )

    def glues(self, span: Span, as_printed: bytes) -> bool:
        """Whether this span of the text is one only because digits were decoded or what has no width was dropped."""
        pairs = zip(self._aligned[slice(*span)], as_printed[slice(*span)], strict=True)
        return any((here != printed and here in _DIGITS) or here in _WITHOUT_WIDTH for here, printed in pairs)

    def _where(self) -> list[int]:
        if self._origins is None:
            self._origins = list(compress(range(len(self._aligned)), self._aligned.translate(_IS_VISIBLE)))
        return self._origins

    def blanked(self, spans: list[Span]) -> "Decoded":
        """The same without these spans of the text."""
        return Decoded(blanked(self._aligned, spans))


def decode(text: str, as_printed: bytes) -> Decoded | None:
    """None when the text holds nothing to decode, so that the printed reading is all there is."""
    resolved, escapes = _escape().subn(_resolved, text) if _may_be_escaped(text) else (text, 0)
    if not escapes and text.isascii():
        return None if len(as_printed.translate(None, _INVISIBLE)) == len(as_printed) else Decoded(as_printed)
    decoded = Decoded(resolved.encode("ascii") if resolved.isascii() else _folded(resolved, _AS_DECODED))
    return None if decoded.reading == as_printed else decoded


def _may_be_escaped(text: str) -> bool:
    """Whether a character with which an escape begins is followed by what can go on with one; costs little to ask."""
    return (
        "\\" in text
        or ("%" in text and _PERCENT.search(text) is not None)
        or ("&" in text and _AMPERSAND.search(text) is not None)
        or ("=" in text and _EQUALS.search(text) is not None)
    )


@cache
def _escape() -> re.Pattern[str]:
    """The pattern of one escaped character; compiled at its first use, because that takes 2 ms."""
    # Repetition is bounded everywhere: text escaped twice is common, a megabyte of backslashes is an attack.
    hex4, pair = rf"{_HEX}{{4}}", rf"[Dd][89ABab]{_HEX}{{2}}\\{{1,4}}u[Dd][C-Fc-f]{_HEX}{{2}}"
    percent, backslash_x = _octets("%(?:25){0,4}", f"{_HEX}{{2}}"), _octets(r"\\{1,4}x", f"{_HEX}{{2}}")
    return re.compile(
        rf"%(?:25){{0,4}}(?:(?P<percent>{percent})|u(?P<percent_u>{hex4}))"
        rf"|\\\\{{0,3}}(?:x(?P<octets>{backslash_x})|(?P<octal>{_OCTAL})"
        rf"|u(?P<pair>{pair})|u(?P<u4>{hex4})|u\{{(?P<brace>{_HEX}{{1,6}})\}}|U(?P<u8>{_HEX}{{8}})"
        rf"|N\{{(?P<called>[A-Za-z][A-Za-z0-9 -]{{1,80}})\}}|(?P<control>[nrtvf]))"
        rf"|&(?:amp;){{0,4}}"
        rf"(?:#(?P<decimal>[0-9]{{1,7}});?|#[xX](?P<hex>{_HEX}{{1,6}});?|(?P<name>[A-Za-z]{{3,16}});)"
        rf"|{_QUOTED}"
    )


def _octets(mark: str, single: str) -> str:
    """One character as escaped bytes: a UTF-8 sequence, or else one byte of Latin-1."""
    more = rf"{mark}[89ABab]{_HEX}"
    return rf"[CDcd]{_HEX}{more}|[Ee]{_HEX}(?:{more}){{2}}|[Ff][0-4](?:{more}){{3}}|{single}"


# The same with octal digits, as C, Go and git write them. Of single bytes only a space, dashes, dots, `_` and
# digits: three digits behind a backslash are common in paths.
_MORE_OCTAL = r"\\{1,4}2[0-7]{2}"
_OCTAL = (
    rf"3[0-3][0-7]{_MORE_OCTAL}|3[45][0-7](?:{_MORE_OCTAL}){{2}}|36[0-7](?:{_MORE_OCTAL}){{3}}"
    "|040|05[3-6]|06[0-7]|07[01]|137"
)
# Of single bytes only a hyphen, a dot and, in Windows-1252, dashes and the hard space; and these between digits,
# for `key=20260115` is no escape. What stands at the end of a line joins it with the next one.
_QUOTED = rf"=(?P<soft>\r?\n|(?={_HEX}{{2}})(?P<quoted>{_octets('=', '(?<=[0-9]=)(?:2[DEde]|9[67]|A[0D])(?=[0-9])')}))"

# What these begin with, in as few characters as tell most of what is no escape.
_PERCENT, _AMPERSAND = re.compile(f"%(?:{_HEX}{{2}}|u)"), re.compile("&(?:#|[A-Za-z]{3,16};)")
_EQUALS = re.compile(rf"=(?:\r?\n|[C-Fc-f]{_HEX}=|(?<=[0-9]=)[29A]{_HEX}[0-9])")


def _folded(text: str, folding: _Folding) -> bytes:
    if "\xe2" in text or "\xc2" in text:
        text = _MOJIBAKE.sub(_unmangled, text)
    return _NOT_ASCII.sub(lambda run: run[0].translate(folding), text).encode("ascii")


def _unmangled(match: re.Match[str]) -> str:
    return ("-" if match[0][0] == "\xe2" else " ") * len(match[0])


def _resolved(match: re.Match[str]) -> str:
    """The escaped character, or `?` where it has no part in a number; as long as before.

    A percent sign with two digits stays as it is unless they stand for a part of a number: they may be its first.
    """
    char = _character(match)
    if char not in _PLAIN and _AS_DECODED[ord(char)] == "?":
        if match[0][1:].isdigit():
            return match[0]
        char = "?"
    return char.ljust(len(match[0]), _PADDING)


def _character(match: re.Match[str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind in _BY_NAME:
        return _BY_NAME[kind](value)
    if kind in ("percent", "octets", "quoted"):
        return _decoded(bytes.fromhex(re.sub(r"%(?:25)*|=|\\+x", "", value)))
    if kind == "octal":
        return _decoded(bytes(int(octet, 8) for octet in re.findall("[0-7]{3}", value)))
    if kind == "pair":
        return bytes.fromhex(re.sub(r"\\+u", "", value)).decode("utf-16-be")
    code = int(value, 10 if kind == "decimal" else 16)
    return chr(code) if code <= sys.maxunicode else "?"


def _decoded(octets: bytes) -> str:
    return octets.decode("utf-8" if len(octets) > 1 else "latin-1", "replace")[0]


def _called(name: str) -> str:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return "?"


_BY_NAME: dict[str | None, Callable[[str], str]] = {
    "name": lambda name: _NAMED.get(name.lower(), "?"),
    "called": _called,
    "control": lambda letter: {"n": "\n", "v": "\n", "f": "\n"}.get(letter, " "),
    "soft": lambda _: HIDDEN,
}
