"""Two comparable readings of a text, so that the rules meet every spelling as plain ASCII bytes.

*As printed*: one byte a character. Every script's digits become ASCII digits; dashes, dots and spaces of
every kind become `-`, `.` and a space. *As decoded*: percent, backslash and HTML escapes and enclosed digits
are resolved as well, and what has no width is dropped. Both are searched, because either alone can be
fooled: `LIKE '%201-23-4567%'` decodes to something harmless, `123%2D45%2D6789` prints as something harmless.
"""

import re
import unicodedata

__all__ = ["HIDDEN", "Decoded", "decode", "printed"]

HIDDEN = "\x01"
"""What a character without width, or an enclosed digit, is as printed."""

_PADDING = "\x00"  # fills a resolved escape up to the length it had, so that offsets stay true
_INVISIBLE = bytes([*range(9), *range(14, 32), 127])

# Beside Unicode's Pd: minus signs, bullets used as hyphens, box lines, and what a dash turns into once a
# Windows-1252 byte was decoded as something else (C1 controls, lone surrogates, U+FFFD).
_DASHES = (
    "\u058a\u05be\u06d4\u1400\u1806\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\u30fc\ufe31\ufe32"
    "\ufe58\ufe63\uff0d\uff70\U00010d6e\U00010ead\u02d7\u2043\u207b\u208b\u2212\u23af\u2500\u2501\u2796"
    "\x96\x97\ufffd" + "".join(map(chr, range(0x2010, 0x2016))) + "".join(map(chr, range(0xDC80, 0xDD00)))
)
_DOTS = "\xb7\u2022\u2024\u2027\u2219\u22c5\u3002\u30fb\ufe52\uff0e\uff61\uff65"
_SPACES = "\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_FOLDED = {
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_DOTS, "."),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys("\x85\u2028\u2029", "\n"),
    "\uff3f": "_",
    "\uff0b": "+",
}
_ZERO_WIDTH = (
    "\x80-\x9f\xad\u0300-\u036f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u3164"
    "\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_ENCLOSED = (
    "\xb2\xb3\xb9\u1369-\u1371\u19da\u2070-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea"
    "\u24f5-\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    "\U00011052-\U0001105a\U0001f100-\U0001f10a"
)
_FOREIGN = re.compile(rf"[\d{re.escape(''.join(_FOLDED))}{_ZERO_WIDTH}{_ENCLOSED}](?<![\x00-\x7f])")
# UTF-8 taken for Windows-1252 or Latin-1: a dash arrives as three characters, a hard space as two.
_MOJIBAKE = re.compile("\xe2[\u20ac\x80][\x90-\x95\u2018-\u201d\u2022]|\xc2\xa0")

_HEX = "[0-9A-Fa-f]"
_NAMED = {
    "nbsp": " ", "ensp": " ", "emsp": " ", "thinsp": " ", "hairsp": " ", "numsp": " ", "puncsp": " ", "tab": " ",
    "newline": "\n", "hyphen": "-", "dash": "-", "ndash": "-", "mdash": "-", "horbar": "-", "minus": "-",
    "period": ".", "middot": ".", "bull": ".", "lowbar": "_", "plus": "+", "shy": HIDDEN, "zwj": HIDDEN,
    "zwnj": HIDDEN, "zerowidthspace": HIDDEN, "nobreak": HIDDEN,
}  # fmt: skip


def _octets(mark: str) -> str:
    """One character as escaped bytes: a UTF-8 sequence, or else one byte of Latin-1."""
    more = rf"{mark}[89ABab]{_HEX}"
    return rf"[CDcd]{_HEX}{more}|[Ee]{_HEX}(?:{more}){{2}}|[Ff][0-4]{_HEX}?(?:{more}){{3}}|{_HEX}{{2}}"


# Repetition is bounded everywhere: text that is escaped twice is common, a megabyte of backslashes is an attack.
_ESCAPE = re.compile(
    rf"%(?:25){{0,4}}(?P<percent>{_octets('%')})"
    rf"|\\{{1,4}}(?:x(?P<octets>{_octets(r'\\{1,4}x')})"
    rf"|(?:u(?P<u4>{_HEX}{{4}})|u\{{(?P<brace>{_HEX}{{1,6}})\}}|U(?P<u8>{_HEX}{{8}}))|(?P<control>[nrtvf]))"
    rf"|&(?:amp;){{0,4}}(?:#(?P<decimal>[0-9]{{1,7}});?|#[xX](?P<hex>{_HEX}{{1,6}});?|(?P<name>[A-Za-z]{{3,14}});)"
)


def printed(text: str) -> bytes:
    """Length is kept: byte n stands for character n; what has no part in a number becomes `?`."""
    if text.isascii():
        return text.encode("ascii")
    if "\xe2" in text or "\xc2" in text:
        text = _MOJIBAKE.sub(_unmangled, text)
    return _FOREIGN.sub(_folded, text).encode("ascii", "replace")


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
        first, last = self._origins[start], self._origins[end - 1] + 1
        while self._aligned[last : last + 1] == _PADDING.encode():
            last += 1
        return first, last


def decode(text: str) -> Decoded | None:
    """None when the text holds nothing to decode, so that one reading is all there is."""
    if "\xe2" in text or "\xc2" in text:
        text = _MOJIBAKE.sub(_unmangled, text)
    aligned = _FOREIGN.sub(_folded_with_enclosed, _ESCAPE.sub(_resolved, text)).encode("ascii", "replace")
    return None if aligned == printed(text) and not _INVISIBLE_BYTE.search(aligned) else Decoded(aligned)


def _unmangled(match: re.Match[str]) -> str:
    return ("-" if match[0][0] == "\xe2" else " ") * len(match[0])


def _folded(match: re.Match[str]) -> str:
    char = match[0]
    value = unicodedata.decimal(char, None)
    return _FOLDED.get(char, HIDDEN) if value is None else str(value)


def _folded_with_enclosed(match: re.Match[str]) -> str:
    value = unicodedata.digit(match[0], None)
    return _folded(match) if value is None else str(value)


def _resolved(match: re.Match[str]) -> str:
    """The escape unchanged unless it stands for a digit, a separator or nothing visible."""
    char = _character(match)
    if char.isascii():
        known = char in _PLAIN
    else:
        known = _FOREIGN.fullmatch(char) is not None
    return char.ljust(len(match[0]), _PADDING) if known else match[0]


def _character(match: re.Match[str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind == "name":
        return _NAMED.get(value.lower(), "?")
    if kind == "control":
        return {"n": "\n", "v": "\n", "f": "\n"}.get(value, " ")
    if kind in ("percent", "octets"):
        octets = bytes.fromhex(re.sub(r"%|\\+x", "", value))
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return octets.decode("latin-1")[0]
    code = int(value, 10 if kind == "decimal" else 16)
    return chr(code) if code <= sys.maxunicode else "?"
