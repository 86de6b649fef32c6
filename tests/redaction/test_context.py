"""The short way that most ids and digests take finds in a word just what the patterns would."""

import re

import hypothesis.strategies as st
from hypothesis import given

from plaintiff_moat.redaction.context import _LENGTHS_OF_IDS, _innocent, _neighbourhoods, _word_of_id

_HEX = st.text("0123456789abcdef", min_size=8, max_size=130)
_UUID = st.uuids().map(str)
_DIGITS = st.text("0123456789", min_size=9, max_size=40)
_WORDS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", " ", "id=", 'sha256="', "/", " trace_id=", "x", "a1-", "%2D", "+", "(", "_"]),
    st.one_of(_HEX, _UUID, _DIGITS, st.builds("{}{}".format, _HEX, _DIGITS), st.builds("{}-{}".format, _UUID, _DIGITS)),
    st.sampled_from(["", " ", '" ', ", ", ";", ")", "-12", ".5", "f", "_x", "%2D"]),
)


@given(st.lists(_WORDS, min_size=1, max_size=3).map("".join))
def test_the_short_way_is_no_other_way(text: str) -> None:
    """Whatever word the shortcut settles, the whole pattern finds the same innocent in it, and no more."""
    reading = text.encode()
    found = [match.span() for match in re.finditer(rb"[0-9]{9,}", reading)]
    if not found:
        return
    for start, end, last in _neighbourhoods(reading, found):
        word = _word_of_id().fullmatch(reading, start, end)
        if word and word.end(1) - word.start(1) in _LENGTHS_OF_IDS:
            whole = [
                match.span(match.lastindex or 0)
                for match in _innocent().finditer(reading, start, end)
                if match.start() < last
            ]
            assert whole == [word.span(1)]
