"""Two comparable readings of a text, so that the rules meet every spelling as plain ASCII bytes.

*As printed*: one byte a character. Every script's digits become ASCII digits; dashes, dots and spaces of
every kind become `-`, `.` and a space. *As decoded*: percent, backslash and HTML escapes and enclosed digits
are resolved as well, and what has no width is dropped. Both are searched, because either alone can be
fooled: `LIKE '%201-23-4567%'` decodes to something harmless, `123%2D45%2D6789` prints as something harmless.
"""

import re
import sys
import unicodedata
from functools import cache

__all__ = ["HIDDEN", "Decoded", "decode", "printed"]

HIDDEN = "\x01"
"""As printed: a character without width, or a digit in a circle; there is something to decode."""

_PADDING = "\x00"  # fills a resolved escape up to the length it had, so that offsets stay true
_INVISIBLE = bytes([*range(9), *range(14, 32), 127])
_INVISIBLE_BYTE = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_PLAIN = frozenset("0123456789-._+ \t\n\r\v\f")

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

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text that the bytes from start to end of the reading were written as."""
        if self._origins is None:
            self._origins = [at for at, byte in enumerate(self._aligned) if byte not in _INVISIBLE]
        first, after = self._origins[start], self._origins[end - 1] + 1
        while self._aligned.startswith(_PADDING.encode(), after):
            after += 1
        return first, after


def decode(text: str, as_printed: bytes) -> Decoded | None:
    """None when the text holds nothing to decode, so that the printed reading is all there is."""
    resolved = _escape().sub(_resolved, text)
    aligned = resolved.encode("ascii") if resolved.isascii() else _folded(resolved, _AS_DECODED)
    if aligned == as_printed and not _INVISIBLE_BYTE.search(aligned):
        return None
    return Decoded(aligned)


@cache
def _escape() -> re.Pattern[str]:
    """The pattern of one escaped character; compiled at its first use, because that takes 2 ms."""
    # Repetition is bounded everywhere: text escaped twice is common, a megabyte of backslashes is an attack.
    percent, backslash_x = _octets("%"), _octets(r"\\{1,4}x")
    return re.compile(
        rf"%(?:25){{0,4}}(?P<percent>{percent})"
        rf"|\\\\{{0,3}}(?:x(?P<octets>{backslash_x})"
        rf"|u(?P<pair>[Dd][89ABab]{_HEX}{{2}}\\{{1,4}}u[Dd][C-Fc-f]{_HEX}{{2}})|u(?P<u4>{_HEX}{{4}})"
        rf"|u\{{(?P<brace>{_HEX}{{1,6}})\}}|U(?P<u8>{_HEX}{{8}})|(?P<control>[nrtvf]))"
        rf"|&(?:amp;){{0,4}}"
        rf"(?:#(?P<decimal>[0-9]{{1,7}});?|#[xX](?P<hex>{_HEX}{{1,6}});?|(?P<name>[A-Za-z]{{3,16}});)"
    )


def _octets(mark: str) -> str:
    """One character as escaped bytes: a UTF-8 sequence, or else one byte of Latin-1."""
    more = rf"{mark}[89ABab]{_HEX}"
    return rf"[CDcd]{_HEX}{more}|[Ee]{_HEX}(?:{more}){{2}}|[Ff][0-4](?:{more}){{3}}|{_HEX}{{2}}"


def _folded(text: str, folding: _Folding) -> bytes:
    if "\xe2" in text or "\xc2" in text:
        text = _MOJIBAKE.sub(_unmangled, text)
    return _NOT_ASCII.sub(lambda run: run[0].translate(folding), text).encode("ascii")


def _unmangled(match: re.Match[str]) -> str:
    return ("-" if match[0][0] == "\xe2" else " ") * len(match[0])


def _resolved(match: re.Match[str]) -> str:
    """The escape unchanged, unless it stands for a digit, a separator or nothing visible."""
    char = _character(match)
    if char in _PLAIN or _AS_DECODED[ord(char)] != "?":
        return char.ljust(len(match[0]), _PADDING)
    return match[0]


def _character(match: re.Match[str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind == "name":
        return _NAMED.get(value.lower(), "?")
    if kind == "control":
        return {"n": "\n", "v": "\n", "f": "\n"}.get(value, " ")
    if kind in ("percent", "octets"):
        octets = bytes.fromhex(re.sub(r"%|\\+x", "", value))
        return octets.decode("utf-8" if len(octets) > 1 else "latin-1", "replace")[0]
    if kind == "pair":
        return bytes.fromhex(re.sub(r"\\+u", "", value)).decode("utf-16-be")
    code = int(value, 10 if kind == "decimal" else 16)
    return chr(code) if code <= sys.maxunicode else "?"
