"""What is told of 64 bytes at a time is what a reader of one byte after the other tells, wherever the blocks part."""

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plaintiff_moat.source import proof
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.layout import CODES, lay_out
from plaintiff_moat.source.proof import LF, prove
from plaintiff_moat.source.records import BAD_ENCODING, BARE_QUOTE, MALFORMED_RECORD, WRONG_FIELD_COUNT, Chunk, Damage

DIALECTS = (Dialect(), Dialect(";", "'"), Dialect(quote=""))
# Blocks are compared in pairs; behind so many bytes, a text stands at every place of both.
PLACES = range(131)
BLANK = (b"", b"\n", b"\r\n", b"\r")
PIECES = (b"a", b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"\0", b"\xff", b'"a"', b'","', b'"\n"', b"x" * 70)
CELLS = (
    b"",
    b"a",
    b"\xff",
    b'"a"',
    b'""',
    b'"a""b"',
    b'""""',
    b'"a,b"',
    b'"\r\n,"',
    b'"a\r"',
    b"a\rb",
    b'"' + b"y" * 70 + b'"',
)
# Both sides of every border between bytes that may stand behind a character's first one (RFC 3629).
BEHIND = bytes.fromhex("017f80 8f90 9fa0 bfc0 ff")
CHARACTERS = ("é", "\u07ff", "ࠀ", "中", "\ud7ff", "\ue000", "\uffff", "\U00010000", "😀", "\U0010ffff")
TAILS = (b"", b"a", b"\r", b"a\r", b'"a"', b"a,")

quick = settings(max_examples=40, deadline=None)


def lines() -> st.SearchStrategy[bytes]:
    """Well-formed lines, blank ones among them."""
    record = st.lists(st.sampled_from(CELLS), min_size=1, max_size=4).map(b",".join)
    line = st.tuples(record, st.sampled_from((b"\n", b"\n", b"\r\n"))).map(b"".join)
    return st.lists(line, max_size=6).map(b"".join)


def texts() -> st.SearchStrategy[bytes]:
    """What a block may hold: well-formed lines, perhaps anything, lines again, and what a block may end within."""
    anything = st.just(b"") | st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join)
    return st.tuples(lines(), anything, lines(), st.sampled_from((*TAILS, b'"a', b'"a"\r'))).map(b"".join)


def stretches() -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """Well-formed lines, and behind each of them a damaged one."""
    damaged = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(
        lambda pieces: b"a" + b"".join(pieces) + b"\n"
    )
    return st.lists(st.tuples(lines(), damaged), max_size=3)


def in_dialect(text: bytes, dialect: Dialect) -> bytes:
    """Write in another dialect what has commas and double quotes; where nothing encloses, quotes are text."""
    return text.replace(b",", dialect.delimiter.encode()).replace(b'"', dialect.quote.encode() or b'"')


def proved_bytewise(text: bytes, dialect: Dialect, *, final: bool) -> tuple[list[int], int, bool]:
    """Return what `prove` does: records, where the last of them ends, and whether what follows is broken."""
    delimiter, quote = ord(dialect.delimiter), ord(dialect.quote) if dialect.quote else None
    starts, clean, place = [], 0, "begin"
    for at, byte in enumerate(text):
        if place == "quoted":
            place = "closed" if byte == quote else "quoted"
        elif byte == LF:
            if at + 1 - clean > proof.RECORD_LIMIT:
                return starts, clean, True
            starts += [clean] if text[clean : at + 1] not in BLANK else []
            clean, place = at + 1, "begin"
        elif byte == delimiter and place != "returned":
            place = "begin"
        elif byte == quote and place in {"begin", "closed"}:
            place = "quoted"
        elif byte == quote or place == "returned" or (place == "closed" and byte != ord("\r")):
            return starts, clean, True
        else:
            place = "returned" if place == "closed" else "plain"
    if len(text) - clean > proof.RECORD_LIMIT or (final and place in {"quoted", "returned"}):
        return starts, clean, True
    if final and clean < len(text):
        starts += [clean] if text[clean:] not in BLANK else []
        clean = len(text)
    return starts, clean, False


@quick
@given(
    text=texts(), dialect=st.sampled_from(DIALECTS), final=st.booleans(), limit=st.sampled_from((1, 60, 150, 1 << 20))
)
@example(text=b'"a', dialect=DIALECTS[0], final=True, limit=1 << 20)
@example(text=b'"a"', dialect=DIALECTS[0], final=True, limit=1 << 20)
@example(text=b'"a"\r', dialect=DIALECTS[0], final=False, limit=1 << 20)
@example(text=b'"a"b' + b"x" * 130, dialect=DIALECTS[0], final=False, limit=1 << 20)
@example(text=b'"a"\r' + b"x" * 130, dialect=DIALECTS[0], final=False, limit=1 << 20)
def test_what_is_proved_is_what_a_bytewise_reader_proves(text, dialect, final, limit):
    """Records, line feeds and the place of the first violation, at every place of a block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "RECORD_LIMIT", limit)
        for before in PLACES:
            moved = in_dialect(b"x" * before + b"," + text, dialect)
            proved = prove(np.frombuffer(moved, np.uint8), dialect, final=final)
            found = proved.starts.tolist(), proved.clean, proved.broken
            assert found == proved_bytewise(moved, dialect, final=final), before
            assert proved.newlines.tolist() == [at for at, byte in enumerate(moved) if byte == LF]


def laid_out_bytewise(
    text: bytes, damage: list[tuple[int, int]], dialect: Dialect
) -> Iterator[tuple[int, int, int, int, int, str, int]]:
    """Yield of each record what `lay_out` does for a width of 2: start, end, lines, width, verdict, bytes in cells."""
    delimiter, quote = ord(dialect.delimiter), ord(dialect.quote) if dialect.quote else None
    ends = {end for _, end in damage}
    start = first_line = line = 0
    width, content, is_inside, is_stray = 1, 0, False, False
    for at, byte in enumerate(text):
        is_damaged = any(begin <= at < end for begin, end in damage)
        following = text[at + 1 : at + 2]
        is_end = at + 1 in ends if is_damaged else (byte == LF and not is_inside) or not following
        if byte == quote and not is_damaged:
            # the second of two counts
            content += not is_inside and at > start and text[at - 1] == quote
            is_inside = not is_inside
        elif byte == delimiter and not is_inside:
            width += 1
        elif byte == ord("\r") and not is_inside and following != b"\n":
            is_stray, content = True, content + 1
        else:
            content += is_inside or byte not in b"\r\n"
        if is_end:
            code = (
                BARE_QUOTE if is_damaged else MALFORMED_RECORD if is_stray else WRONG_FIELD_COUNT if width != 2 else ""
            )
            if text[start : at + 1] not in BLANK:
                yield start, at + 1, first_line, line, width, code, 0 if code else content
            start, first_line = at + 1, line + (byte == LF)
            width, content, is_stray = 1, 0, False
        line += byte == LF


@quick
@given(parts=stretches(), last=lines(), tail=st.sampled_from(TAILS), dialect=st.sampled_from(DIALECTS))
def test_what_is_laid_out_is_what_a_bytewise_reader_lays_out(parts, last, tail, dialect):
    """Places, lines, widths, stray CRs and bytes in cells, around damage too, at every place of a block."""
    for before in PLACES:
        text, damage = b"x" * before + b"\n", []
        for sound, damaged in parts:
            text += in_dialect(sound, dialect)
            damage.append((len(text), len(text) + len(damaged)))
            text += in_dialect(damaged, dialect)
        text += in_dialect(last + tail, dialect)
        found = [Damage(7 + start, 7 + end, BARE_QUOTE, 0, 0) for start, end in damage]
        chunk = Chunk(0, 7, 7 + len(text), 7, 1, 0, 0, "", tuple(found))
        layout = lay_out(text, chunk, Dialect(dialect.delimiter, dialect.quote, "latin-1"), 2)
        expected = list(laid_out_bytewise(text, damage, dialect))
        laid = (layout.starts, layout.ends, layout.first_lines, layout.last_lines, layout.widths)
        told = zip(*(column.tolist() for column in laid), [CODES[verdict] for verdict in layout.verdicts], strict=True)
        assert list(told) == [record[:6] for record in expected], before
        assert layout.content == sum(record[6] for record in expected), before


def undecodable(text: bytes) -> list[bool]:
    """Tell of each record whether it is flagged as no UTF-8."""
    layout = lay_out(text, Chunk(0, 0, len(text), 0, 1, 0, 0, "", ()), Dialect(quote=""), 1)
    return [CODES[verdict] == BAD_ENCODING for verdict in layout.verdicts]


def is_decoded(record: bytes) -> bool:
    """Tell whether Python's strict decoder takes the record."""
    try:
        record.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def sequences() -> Iterator[bytes]:
    """Yield each byte and each two bytes; behind whatever is not ASCII also two and three at the ends of ranges."""
    for others in ((), (range(256),)):
        yield from map(bytes, product(range(256), *others))
    for others in ((BEHIND,) * 2, (BEHIND,) * 3):
        yield from map(bytes, product(range(0x80, 256), *others))


def test_what_is_no_utf_8_is_what_pythons_decoder_refuses():
    """Every sequence that is a character or nearly one, a record each, at every place of a block."""
    records = [sequence for sequence in sequences() if not set(sequence) & set(b"\0\r\n")]
    text = b"\n".join(records)
    expected = [not is_decoded(record) for record in records]
    for before in PLACES:
        assert undecodable(b"x" * before + b",\n" + text) == [False, *expected], before


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_character_cut_short_is_no_utf_8_wherever_it_is_cut(character):
    """By the end of the text or of the record, at every place of a block; the next record is as good as it is."""
    whole = character.encode()
    for before, size in product(PLACES, range(1, len(whole) + 1)):
        cut, is_cut = b"x" * before + whole[:size], size < len(whole)
        assert undecodable(cut) == [is_cut], before
        assert undecodable(cut + b"\n" + whole + b"\n\n" + cut) == [is_cut, False, is_cut], before


def garbled() -> st.SearchStrategy[bytes]:
    """Text of all kinds of characters, some of its bytes exchanged, left out or put in."""
    pieces = st.sampled_from((*CHARACTERS, "a", "\n", "x" * 61, "é" * 33, "中" * 22))
    text = st.lists(pieces, max_size=30).map(lambda parts: "".join(parts).encode())
    damage = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.binary(max_size=2)), max_size=4)
    return st.builds(spoiled, text, damage)


def spoiled(text: bytes, damage: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return the text with other bytes in place of so many; no NUL, which is a fault of its own."""
    for at, size, other in damage:
        text = text[:at] + other.replace(b"\0", b"\x80") + text[at + size :]
    return text


@quick
@given(text=garbled())
def test_records_that_are_no_utf_8_are_those_that_python_refuses(text):
    """Each by itself, whatever its neighbours are, at every place of a block."""
    for before in PLACES:
        moved = b"x" * before + b"," + text
        records = [record for record in moved.split(b"\n") if record + b"\n" not in BLANK and record]
        assert undecodable(moved) == [not is_decoded(record) for record in records], before


@pytest.mark.parametrize("damage", [(0, 9), (4, 2), (-2, 2), (2, 2)])
def test_damage_that_is_not_the_chunks_is_refused(damage):
    """A stretch that ends behind the chunk, or before it begins, is nothing to look at."""
    found = Damage(*damage, BARE_QUOTE, 1, 1)
    with pytest.raises(ValueError, match="damaged stretches"):
        lay_out(b"a,b\nc,d\n", Chunk(0, 0, 8, 0, 1, 2, 1, "", (found,)), Dialect(), 2)
