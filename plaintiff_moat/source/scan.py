"""One sequential pass over a delivered file: its identity, its record boundaries and its count of records."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.boundaries import Boundaries, Run
from plaintiff_moat.source.delivery import check_unchanged, opened
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.digests import Digest, DigestThread
from plaintiff_moat.source.header import read_header
from plaintiff_moat.source.records import Chunk, Damage, Scan

__all__ = ["CHUNK_BYTES", "scan"]

# Client memory and CPU time of 1,000,000 records by two workers: 16 MiB 586 MB; 4 MiB 252 MB and a tenth more time.
CHUNK_BYTES = 6 << 20
_COMMA = Dialect()


def scan(path: str | os.PathLike[str], *, chunk_bytes: int = CHUNK_BYTES, dialect: Dialect = _COMMA) -> Scan:
    """Hash the file, read its header and find its records; the answer depends on the bytes alone.

    `chunk_bytes` moves the borders of the chunks and nothing else. Holds a few blocks of the file at most. Raises
    BadInput for what is no delivery, SourceChanged when the file changes meanwhile.
    """
    if chunk_bytes < 1:
        raise ValueError("expected chunks of at least one byte")
    name = Path(path).name
    with opened(path) as (descriptor, before):
        with DigestThread() as whole_thread, DigestThread() as chunk_thread:
            whole = Digest(whole_thread)
            boundaries = Boundaries(name, descriptor, whole.feed)
            header = read_header(name, boundaries.opening(), dialect)
            chunks = _Chunks(chunk_bytes, header.end, header.next_line, chunk_thread)
            for run in boundaries.runs(header.end, header.next_line, dialect, len(header.names)):
                chunks.add(run)
            whole.flush()
            chunks.end()
        check_unchanged(path, descriptor, before, boundaries.size)
    if not chunks.records:
        raise BadInput(f"{name}: expected records after the header, found none; ask the vendor for the whole file")
    return Scan(
        path=os.fspath(path),
        name=name,
        size=boundaries.size,
        file_hash=whole.hexdigest(),
        dialect=dialect,
        header=header.names,
        chunks=chunks.finished(),
        records=chunks.records,
    )


@dataclass(slots=True)
class _Open:
    """A chunk that still grows."""

    number: int
    start: int
    end: int
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
            first_row=self.first_row,
            records=self.records,
            first_line=self.first_line,
            digest=self.digest.hexdigest(),
            damage=tuple(self.damage),
        )


class _Chunks:
    """Collects runs into chunks: one ends before the first record that starts `chunk_bytes` behind its own start."""

    def __init__(self, chunk_bytes: int, start: int, line: int, thread: DigestThread) -> None:
        self._chunk_bytes = chunk_bytes
        self._thread = thread
        self._closed: list[_Open] = []
        self._open = _Open(0, start, start, 1, line, Digest(thread))

    @property
    def records(self) -> int:
        return self._open.first_row - 1 + self._open.records

    def add(self, run: Run) -> None:
        """Take the run's bytes, records and damage, closing chunks on the way."""
        counted = 0
        while True:
            chunk = self._open
            full = int(np.searchsorted(run.starts, chunk.start + self._chunk_bytes))
            cut = max(full, counted if chunk.records else counted + 1)
            if cut >= run.starts.size:
                break
            start = int(run.starts[cut])
            self._take(run, start, cut - counted)
            chunk.digest.flush()
            self._closed.append(chunk)
            line = run.first_line + int(np.searchsorted(run.newlines, start))
            self._open = _Open(
                chunk.number + 1, start, start, chunk.first_row + chunk.records, line, Digest(self._thread)
            )
            counted = cut
        self._take(run, run.start + len(run.data), run.starts.size - counted)
        if run.damage:
            self._open.damage.append(run.damage)

    def _take(self, run: Run, end: int, records: int) -> None:
        chunk = self._open
        chunk.digest.feed(run.data[chunk.end - run.start : end - run.start])
        chunk.records += records
        chunk.end = end

    def end(self) -> None:
        """Close the last chunk; nothing is added after it."""
        self._open.digest.flush()
        self._closed.append(self._open)

    def finished(self) -> tuple[Chunk, ...]:
        """Return the chunks once their digests are complete."""
        return tuple(chunk.finished() for chunk in self._closed)
