"""A second table in a file: its records would be read under the columns of the first."""

from collections.abc import Sequence

import numpy as np

from plaintiff_moat.errors import BadInput
from plaintiff_moat.redaction.keys import reduced
from plaintiff_moat.source.boundaries import Run
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.grammar import Grammar
from plaintiff_moat.source.header import Header, Heads
from plaintiff_moat.source.proof import CR, LF, Positions

__all__ = ["Tables"]

# A table begins behind a blank line; in a file that has one behind every record, so many are looked at.
_LOOKS = 1000
_BLANK_BYTES = 3
_LINE_ENDS = 2  # of a blank line and the line before it
# So many lines of one filled cell may stand between the blank line and the header: what the table is, and of when.
_TITLES = 3


class Tables:
    """Looks at the records behind blank lines, and behind titles there; `check` is given every run in order."""

    def __init__(self, name: str, dialect: Dialect, header: Header, heads: Heads) -> None:
        self._name = name
        self._encoding = dialect.text_encoding
        self._header = header
        self._letters = self._letters_of(header.cells)
        self._heads = heads
        self._grammar = Grammar(dialect, len(header.cells))
        self._before = b"\n"
        self._looks = _LOOKS
        self._titles = 0  # at the end of the run before

    def check(self, run: Run) -> None:
        """Raise BadInput for a header that the mapping knows behind a blank line or its title.

        This file's own, once more, is none.
        """
        before, self._before = self._before, (self._before + run.data[-_BLANK_BYTES:])[-_BLANK_BYTES:]
        titles, self._titles = self._titles, 0
        if run.damage or self._looks <= 0:
            return
        starts = run.starts - run.start
        behind = _behind_blank_lines(before, run, starts)
        if not behind and not titles:
            return
        text = bytes(run.data)
        if titles and starts.size:
            self._check_record(run, text, starts, 0, titles)
        for record in np.searchsorted(starts, np.array(behind[: self._looks], np.int64)).tolist():
            self._looks -= 1
            self._check_record(run, text, starts, record, 0)

    def _check_record(self, run: Run, text: bytes, starts: Positions, record: int, titles: int) -> None:
        """Look at a record behind so many titles, and where it is one itself, at the next, be it of the next run."""
        start = int(starts[record])
        cells, _, _ = self._grammar.cells(text, start)
        shown = [cell.decode(self._encoding, "replace") for cell in cells]
        if self._letters_of(cells) != self._letters and self._heads(shown):
            line = run.first_line + int(np.searchsorted(run.newlines, run.start + start))
            raise BadInput(
                f"{self._name}: expected one table, found the header of another in line {line}, of {len(cells)} "
                f"columns where the first has {len(self._header.cells)}; save each table as a file of its own"
            )
        if titles == _TITLES or sum(bool(cell.strip()) for cell in cells) > 1:
            return
        if record + 1 < starts.size:
            self._check_record(run, text, starts, record + 1, titles + 1)
        else:
            self._titles = titles + 1

    def _letters_of(self, cells: Sequence[bytes]) -> str:
        """Give what a header has wherever it is repeated, be its case, its spaces or its last delimiter others."""
        return reduced(b"".join(cells).decode(self._encoding, "replace"))


def _behind_blank_lines(before: bytes, run: Run, starts: Positions) -> list[int]:
    outer = starts[: np.searchsorted(starts, _BLANK_BYTES)].tolist()
    texts = {start: before + run.data[:start].tobytes() for start in outer}
    begin = [start for start, text in texts.items() if text.endswith((b"\n\n", b"\n\r\n"))]
    # most files have no blank line, which line feeds tell in 10 us for 4 MiB; looking before each record takes 400
    if run.newlines.size < _LINE_ENDS or (run.newlines[1:] - run.newlines[:-1]).min() >= _BLANK_BYTES:
        return begin
    block, inner = np.frombuffer(run.data, np.uint8), starts[len(outer) :]
    last, second, third = block[inner - 1], block[inner - 2], block[inner - 3]
    blank = (last == LF) & ((second == LF) | ((second == CR) & (third == LF)))
    return [*begin, *map(int, inner[blank])]
