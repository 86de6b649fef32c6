"""One sequential pass over a delivered file: its identity, its record boundaries and its count of records."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.boundaries import Boundaries, Run
from plaintiff_moat.source.delivery import check_unchanged, opened, read_range, refuse_binary
from plaintiff_moat.source.detect import OPENING, detect_dialect, detect_text
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.digests import Digest, DigestThread
from plaintiff_moat.source.encodings import Evidence, marked
from plaintiff_moat.source.header import Header, Heads
from plaintiff_moat.source.reading import AS_IT_IS, Reading
from plaintiff_moat.source.records import Chunk, Damage, Scan
from plaintiff_moat.source.tables import Tables
from plaintiff_moat.source.text import TextDecoder, file_bytes

__all__ = ["CHUNK_BYTES", "CHUNK_RECORDS", "scan"]

# By two workers, beside 6 MiB: 4 MiB take a tenth more time; 8 MiB a hundredth less for 1,000,000 records, a fortieth
# less for 100,000, and 5 % more memory; 16 MiB twice as much.
CHUNK_BYTES = 8 << 20
# A reject costs half a kilobyte besides its text: three million of them in a chunk of two-byte lines took 1.2 GB.
CHUNK_RECORDS = 200_000


def scan(
    path: str | os.PathLike[str],
    *,
    chunk_bytes: int = CHUNK_BYTES,
    reading: Reading = AS_IT_IS,
    heads: Heads = lambda _: False,
) -> Scan:
    """Hash the file, find out how it is written, read its header and find its records.

    `heads` tells a header that a mapping knows: such a row is the header behind a preamble that it does not know, and
    begins a second table behind a blank line. The answer depends on the bytes and on what was said alone; `chunk_bytes`
    moves the borders of the chunks and nothing else. Holds a few blocks of the file at most. Raises BadInput for what
    is no delivery or not evidently written in one way, SourceChanged when the file changes meanwhile.
    """
    if chunk_bytes < 1:
        raise ValueError("expected chunks of at least one byte")
    name = Path(path).name
    with opened(path) as (descriptor, before):
        beginning = read_range(descriptor, 0, OPENING)
        refuse_binary(name, beginning)
        text = detect_text(name, beginning, reading)
        evidence = None if reading.encoding or marked(name, beginning, None) else Evidence()
        with DigestThread() as whole_thread, DigestThread() as chunk_thread:
            whole = Digest(whole_thread)

            def take(block: bytes) -> None:
                whole.feed(block)
                if evidence:
                    evidence.add(block)

            decoder = TextDecoder(text)
            boundaries = Boundaries(name, descriptor, decoder, take)
            opening = boundaries.opening()
            dialect, header = detect_dialect(name, opening, reading, text, heads)
            chunks = _Chunks(
                chunk_bytes, header, len(file_bytes(opening[: header.end], dialect)), dialect, chunk_thread
            )
            tables = Tables(name, dialect, header, heads)
            for run in boundaries.runs(header.end, header.next_line, dialect, len(header.cells)):
                tables.check(run)
                chunks.add(run)
            whole.flush()
            chunks.end(decoder.half_unit)
        check_unchanged(path, descriptor, before, boundaries.size)
    if not chunks.records:
        raise BadInput(f"{name}: expected records after the header, found none; ask the vendor for the whole file")
    if evidence:
        dialect = replace(dialect, encoding=evidence.verdict(name))
    return Scan(
        path=os.fspath(path),
        name=name,
        size=boundaries.size,
        file_hash=whole.hexdigest(),
        dialect=dialect,
        header=header.names(name, dialect.text_encoding),
        header_line=header.line,
        chunks=chunks.finished(),
        records=chunks.records,
    )


@dataclass(slots=True)
class _Open:
    """A chunk that still grows."""

    number: int
    start: int
    end: int
    text_start: int
    text_end: int
    first_row: int
    first_line: int
    digest: Digest
    records: int = 0
    damage: list[Damage] = field(default_factory=list)

    def finished(self) -> Chunk:
        return Chunk(
            number=self.number,
            start=self.start,
            end=self.end,
            text_start=self.text_start,
            first_row=self.first_row,
            records=self.records,
            first_line=self.first_line,
            digest=self.digest.hexdigest(),
            damage=tuple(self.damage),
        )


class _Chunks:
    """Collects runs into chunks.

    One ends before the first record that starts `chunk_bytes` behind its own start, or that is one too many: what a
    chunk takes of memory is by bytes and, where lines are short or damaged, by records.
    """

    def __init__(self, chunk_bytes: int, header: Header, start: int, dialect: Dialect, thread: DigestThread) -> None:
        self._chunk_bytes = chunk_bytes
        self._dialect = dialect
        self._thread = thread
        self._closed: list[_Open] = []
        self._open = _Open(0, start, start, header.end, header.end, 1, header.next_line, Digest(thread))

    @property
    def records(self) -> int:
        return self._open.first_row - 1 + self._open.records

    def add(self, run: Run) -> None:
        """Take the run's bytes, records and damage, closing chunks on the way."""
        counted = 0
        while True:
            chunk = self._open
            full = int(np.searchsorted(run.starts, chunk.text_start + self._chunk_bytes))
            cut = min(full, counted + CHUNK_RECORDS - chunk.records)
            cut = max(cut, counted if chunk.records else counted + 1)
            if cut >= run.starts.size:
                break
            start = int(run.starts[cut])
            self._take(run, start, cut - counted)
            chunk.digest.flush()
            self._closed.append(chunk)
            line = run.first_line + int(np.searchsorted(run.newlines, start))
            first_row = chunk.first_row + chunk.records
            end = chunk.end
            self._open = _Open(chunk.number + 1, end, end, start, start, first_row, line, Digest(self._thread))
            counted = cut
        self._take(run, run.start + len(run.data), run.starts.size - counted)
        if run.damage:
            self._open.damage.append(run.damage)

    def _take(self, run: Run, end: int, records: int) -> None:
        chunk = self._open
        piece = file_bytes(run.data[chunk.text_end - run.start : end - run.start], self._dialect)
        chunk.digest.feed(piece)
        chunk.records += records
        chunk.text_end = end
        chunk.end += len(piece)

    def end(self, half_unit: bytes) -> None:
        """Close the last chunk; nothing is added after it but half a unit of UTF-16."""
        self._open.digest.feed(half_unit)
        self._open.end += len(half_unit)
        self._open.digest.flush()
        self._closed.append(self._open)

    def finished(self) -> tuple[Chunk, ...]:
        """Return the chunks once their digests are complete."""
        return tuple(chunk.finished() for chunk in self._closed)
