"""Encodings: which there are, which one a file is in, and when that cannot be told."""

import codecs
import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.encoding_names import UTF_8, UTF_16

__all__ = ["Evidence", "marked", "undefined"]

_BEHIND_ASCII = 0x80
_WESTERN = "cp1252"
# by their names in Python; all of them spell western words, each by other bytes
_WESTERN_ONES = frozenset({_WESTERN, "iso8859-1", "iso8859-15", "mac-roman", "cp437", "cp850", "cp858"})

_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, UTF_8),
)
_OPENING = 4096
# Of the units of an opening without a mark: text of a western language in UTF-16 has nearly all, a binary both halves.
_MOST, _FEW = 0.4, 0.02

_LETTERS_BEFORE = re.compile(rb"[A-Za-z]{0,32}\Z")
_RUN = re.compile(rb"(?:[\x80-\xff]{1,32}[A-Za-z]{0,32}){1,8}")
_CUT_RUN = re.compile(rb"[A-Za-z\x80-\xff]*\Z")
_RUNS_JUDGED = 1000
_RUN_LIMIT = 1024
_LOST = 2
_PLAUSIBLE_SHARE = 0.9
# Western words: a letter where letters stand, apostrophes within and quotes around, dashes and signs by themselves.
_WORD = re.compile(
    r"""[\u2018\u201c\u00ab\u2039\u2013\u2014]?
    (?: (?:[A-Z\u00c0-\u00d6\u00d8-\u00de\u0160\u0152\u017d\u0178]['\u2019]?)?
            [a-z\u00df-\u00f6\u00f8-\u00ff\u0161\u0153\u017e]+
      | [A-Z\u00c0-\u00d6\u00d8-\u00de\u0160\u0152\u017d\u0178]+ )
    (?: [\u2019\u2013\u2014\u00b7]
        (?:[A-Z\u00c0-\u00d6\u00d8-\u00de]?[a-z\u00df-\u00f6\u00f8-\u00ff]+|[A-Z\u00c0-\u00d6\u00d8-\u00de]+)? )*
    [\u2019\u201d\u00bb\u203a\u2026\u00ae\u2122\u00a9\u00aa\u00ba]*
    | [A-Za-z]+(?:[A-Z\u00c0-\u00d6][a-z\u00df-\u00f6\u00f8-\u00ff]+)+
    | [\u2013\u2014\u2026\u2022\u00a0\u00a7\u00b6\u00b0\u00a9\u00ae\u00b7\u00a3\u20ac]+
    | [\u00bd\u00bc\u00be\u201c\u201d\u2018\u2019]+
    """,
    re.VERBOSE,
)
_FOREIGN = re.compile(r"[\u00c0-\u00ff]{3}")


@lru_cache
def undefined(encoding: str) -> NDArray[np.bool_]:
    """Tell for each byte whether a single-byte encoding gives it no character."""
    return np.array([not _decodes(bytes((byte,)), encoding) for byte in range(256)])


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def marked(name: str, opening: bytes, said: str | None) -> str | None:
    """Return the encoding that a byte order mark or the places of NUL bytes give away, or that was `said`.

    None is for what only the characters can tell. Raises BadInput where `said` and the mark contradict each other,
    and for UTF-32.
    """
    found = next((encoding for mark, encoding in _MARKS if opening.startswith(mark)), None)
    if found == "UTF-32":
        raise BadInput(f"{name}: expected UTF-8 or UTF-16 text, found UTF-32; save it as CSV in UTF-8")
    if found and said and said != found and not (said == "utf-16" and found in UTF_16):
        raise BadInput(
            f"{name}: expected {said} as was said, found the byte order mark of {found}; leave --encoding out"
        )
    if found:
        return found
    if said not in {None, "utf-16"}:
        return said
    size = min(_OPENING, len(opening)) & ~1
    low, high = (opening[at:size:2].count(0) / max(size // 2, 1) for at in (0, 1))
    order = "utf-16-le" if high > _MOST and low < _FEW else "utf-16-be" if low > _MOST and high < _FEW else None
    if said == "utf-16" and order is None:
        raise BadInput(f"{name}: expected UTF-16 with a byte order mark, found none; try utf-16-le or utf-16-be")
    return order


class Evidence:
    """Collects the first words of a file that are not ASCII, and judges by them alone."""

    def __init__(self) -> None:
        self._runs: list[bytes] = []
        self._held = b""

    def add(self, block: bytes) -> None:
        """Take the next block; an empty one ends the file. Where the blocks part the file does not matter."""
        if len(self._runs) >= _RUNS_JUDGED:
            return
        text = self._held + block
        cut = len(text)
        if block and (last := _CUT_RUN.search(text, max(0, cut - _RUN_LIMIT))):
            cut = last.start()  # what may go on in the next block waits for it
        self._held = text[cut:]
        if block.isascii() and text.isascii():
            return
        places = np.flatnonzero(np.frombuffer(text, np.uint8, cut) >= _BEHIND_ASCII)
        at = 0
        while at < places.size and len(self._runs) < _RUNS_JUDGED:
            place = int(places[at])
            before, run = _LETTERS_BEFORE.search(text, max(0, place - 32), place), _RUN.match(text, place)
            if before is None or run is None:
                raise AssertionError("both match at every byte behind ASCII")
            self._runs.append(before.group() + run.group())
            at = int(np.searchsorted(places, run.end()))

    def verdict(self, name: str) -> str:
        """Return utf-8 or cp1252; BadInput with the candidates where neither is evident.

        UTF-8 if at least half of the words are; it flags the others' records, as it does when no more than two
        words are nothing known. cp1252 (which latin-1 text is too) if none is UTF-8 and nine tenths are such words
        as western languages have.
        """
        sound = sum(_decodes(run, UTF_8) for run in self._runs)
        if 2 * sound >= len(self._runs):
            return UTF_8
        plausible = sum(_is_western(run) for run in self._runs)
        if not sound and plausible >= _PLAUSIBLE_SHARE * len(self._runs):
            return _WESTERN
        if len(self._runs) <= _LOST:
            return UTF_8
        raise BadInput(
            f"{name}: expected text whose encoding is evident, found bytes that could be cp1252, latin-1, mac_roman, "
            "cp850 or damaged utf-8; ask the vendor and say which with --encoding"
        )

    def speaks_against(self, encoding: str) -> bool:
        """Whether the text is hardly in `encoding`: of a western one, most words are none there.

        What others spell is not judged.
        """
        if encoding not in _WESTERN_ONES:
            return False
        return 2 * sum(_is_western(run, encoding) for run in self._runs) < len(self._runs)


def _is_western(run: bytes, encoding: str = _WESTERN) -> bool:
    try:
        word = run.decode(encoding)
    except UnicodeDecodeError:
        return False
    is_lone = word.isalpha() and not any(character.isascii() for character in word)
    return _WORD.fullmatch(word) is not None and not is_lone and not _FOREIGN.search(word)
