"""Walking a file from record to record: the vector proof where it holds, the careful reader where it breaks."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.damage import LOOKAHEAD, Stretch, assess
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.grammar import Grammar
from plaintiff_moat.source.proof import LF, Positions, Proof, prove
from plaintiff_moat.source.records import RECORD_LIMIT, Damage
from plaintiff_moat.source.text import TextDecoder

__all__ = ["Boundaries", "Run"]

# CPU seconds of the scan of 188 MB, hashing included: 0.47 in blocks of 2 MiB or 4 MiB, 0.52 of 1 MiB.
_BLOCK = 2 << 20
# Bytes proved at once: a block, or few after damage, which seldom comes alone.
_WINDOW = _BLOCK
_CAUTIOUS_WINDOW = 4 << 10
_LINE_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """Contiguous whole lines: well-formed records and blank lines, or one damaged stretch.

    `start`, `starts` (of the records) and `newlines` are offsets in the text, `first_line` is the physical line at
    `start`. A damaged stretch is one record.
    """

    data: memoryview
    start: int
    first_line: int
    starts: Positions
    newlines: Positions
    damage: Damage | None = None


class Boundaries:
    """Reads a file once, first byte to last, holding a few blocks of its text.

    `taken` is given every block of the file in order, and an empty one at the end.
    """

    def __init__(self, name: str, descriptor: int, decoder: TextDecoder, taken: Callable[[bytes], None]) -> None:
        self._name = name
        self._descriptor = descriptor
        self._decoder = decoder
        self._taken = taken
        self._text = b""
        self._base = 0
        self._ended = False
        self.size = 0

    def opening(self) -> bytes:
        """Return the first bytes of the text, more than a header can have."""
        self._fill(0, 2 * RECORD_LIMIT)
        return self._text[: 2 * RECORD_LIMIT]

    def runs(self, at: int, line: int, dialect: Dialect, width: int) -> Iterator[Run]:
        """Yield the text from offset `at`, physical line `line`, to its end, in order and without gaps.

        The last record of a window is proved again with the next one: damage behind it may show that it was misread.
        Raises BadInput for a line that is too long to be one of a CSV file.
        """
        grammar = Grammar(dialect, width)
        window = _WINDOW
        while (at := self._fill(at, window)) < len(self._text):
            if window == _CAUTIOUS_WINDOW:
                # Damage often comes in a row, and one match is a tenth of the cost of a proof.
                at = self._fill_line(at, 0, line)
                if not grammar.is_well_formed(self._text, at):
                    run = self._damaged(assess(grammar, self._text, at, None), line)
                    yield run
                    line, at = line + run.newlines.size, at + len(run.data)
                    continue
            data = memoryview(self._text)[at : at + window]
            final = self._ended and at + len(data) == len(self._text)
            proof = prove(np.frombuffer(data, np.uint8), dialect, final=final)
            if proof.broken:
                at = self._fill_line(at, proof.clean, line)
                previous = at + int(proof.starts[-1]) if proof.starts.size else None
                stretch = assess(grammar, self._text, at + proof.clean, previous)
                if stretch.start > at:
                    run = self._sound(data, at, stretch.start - at, line, proof)
                    yield run
                    line += run.newlines.size
                run = self._damaged(stretch, line)
                yield run
                line, at, window = line + run.newlines.size, stretch.end, _CAUTIOUS_WINDOW
                continue
            settled = proof.clean if final or not proof.starts.size else int(proof.starts[-1])
            if settled == 0:
                window *= 2
                continue
            run = self._sound(data, at, settled, line, proof)
            yield run
            line, at, window = line + run.newlines.size, at + settled, min(2 * window, _WINDOW)

    def _sound(self, data: memoryview, at: int, length: int, line: int, proof: Proof) -> Run:
        offset = self._base + at
        starts = proof.starts[: np.searchsorted(proof.starts, length)]
        newlines = proof.newlines[: np.searchsorted(proof.newlines, length)]
        return Run(data[:length], offset, line, starts + offset, newlines + offset)

    def _damaged(self, stretch: Stretch, line: int) -> Run:
        data = memoryview(self._text)[stretch.start : stretch.end]
        start = self._base + stretch.start
        newlines = np.flatnonzero(np.frombuffer(data, np.uint8) == LF)
        last_line = line + int(np.searchsorted(newlines, len(data) - 1))
        damage = Damage(start, start + len(data), stretch.code, line, last_line)
        return Run(data, start, line, np.array([start]), newlines + start, damage)

    def _fill(self, at: int, needed: int) -> int:
        """Make `needed` bytes from `at` available, unless the file ends before; returns where `at` is now."""
        while not self._ended and len(self._text) - at < needed:
            block = os.read(self._descriptor, _BLOCK)
            self._ended = not block
            self._taken(block)
            self.size += len(block)
            self._text = self._text[at:] + self._decoder.text(block, final=self._ended)
            self._base += at
            at = 0
        return at

    def _fill_line(self, at: int, start: int, line: int) -> int:
        """Make the line `start` bytes behind `at`, and what deciding about it needs, available."""
        at = self._fill(at, start + LOOKAHEAD)
        while (line_end := self._text.find(b"\n", at + start)) < 0 and not self._ended:
            length = len(self._text) - at - start
            if length > _LINE_LIMIT:
                number = line + self._text.count(b"\n", at, at + start)
                raise BadInput(
                    f"{self._name}: expected lines of at most {_LINE_LIMIT >> 20} MiB, found line {number} longer; "
                    "check that it is a CSV file"
                )
            at = self._fill(at, start + 2 * length)
        return self._fill(at, line_end - at + LOOKAHEAD)
