"""A delivery: the file that was scanned and whose header a mapping knows, under its identity."""

import os
import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import polars as pl

from plaintiff_moat.errors import BadInput
from plaintiff_moat.identify import canonical_source_system, compute_batch_id
from plaintiff_moat.redaction import contains_pii, redact
from plaintiff_moat.rows import BoundMapping, Return, is_export, mapping_for, prepare
from plaintiff_moat.rows.headers import labels
from plaintiff_moat.source import CHUNK_BYTES, Chunk, Scan, read, scan

__all__ = ["DEFAULT_SOURCE_SYSTEM", "Delivery", "open_delivery", "require_name"]

# Raised by one whenever the same bytes give other rows: a run is never continued across it.
READER_VERSION = 1


DEFAULT_SOURCE_SYSTEM = "manual"

# A quarter of what an index row of PostgreSQL holds, for three such names and a hash.
NAME_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scanned file under its identity. Plain data.

    `filename` is the file's name without its folder, redacted. `header` is the vendor's: that of the file, but for what
    an export of rejects added to it, where the file `replays` the rejects of a run and `returned` says how.
    """

    scan: Scan
    mapping: BoundMapping
    source_system: str
    batch_id: str
    filename: str
    header: tuple[str, ...]
    replays: UUID | None = None
    returned: Return | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a claim is of: source system, batch and file hash."""
        return self.source_system, self.batch_id, self.scan.file_hash

    @property
    def reader_fingerprint(self) -> str:
        """Equal for two deliveries whose bytes would give the same rows in the same chunks; says how they are read."""
        dialect, mapping = self.scan.dialect, self.mapping.mapping
        return (
            f"reader {READER_VERSION}, chunks of {CHUNK_BYTES} bytes, {dialect.encoding} with {dialect.delimiter!r} and"
            f" {dialect.quote!r}, mapping {self.mapping.fingerprint} of {mapping.name} version {mapping.version}"
            f"{', rejects that come back' if self.returned else ''}"
        )

    @property
    def layout(self) -> dict[str, Any]:
        """What an export needs to lay records out as the file does: its columns, redacted, and how it writes cells."""
        dialect = self.scan.dialect
        return {
            "columns": labels(self.header),
            "delimiter": dialect.delimiter,
            "quote": dialect.quote,
            "encoding": dialect.encoding,
        }

    def rows(self, chunk: Chunk) -> pl.DataFrame:
        """The chunk's records as they are landed. Raises SourceChanged when its bytes are not those scanned."""
        cells = read(self.scan.path, self.scan.dialect, self.scan.header, chunk)
        if self.returned is None or self.replays is None:
            return prepare(cells, self.header, self.mapping, self.source_system)
        rows = prepare(self.returned.vendors_cells(cells), self.header, self.mapping, self.source_system)
        return rows.with_columns(self.returned.rejects(cells, self.replays))

    def rejects(self) -> list[int]:
        """The rows of the run that it replays for which its records stand. Raises BadInput, WrongRun."""
        if self.returned is None or self.replays is None:
            return []
        rows: list[int] = []
        for chunk in self.scan.chunks:
            cells = read(self.scan.path, self.scan.dialect, self.scan.header, chunk)
            rows.extend(self.returned.rejects(cells, self.replays).drop_nulls())
        return rows


def open_delivery(
    path: str | os.PathLike[str],
    *,
    source_system: str,
    batch_id: str | None = None,
    mapping: str | None = None,
    replays: UUID | None = None,
) -> Delivery:
    """Scans the file and binds its header to the mapping named, else to the source system's own, else to `generic`.

    `replays` is the run whose rejects its records stand for; without one, what an export of rejects added is refused.
    Raises BadInput and BadMapping. Writes nothing.
    """
    source_system = canonical_source_system(source_system)
    for what, name in (("source system", source_system), ("batch id", batch_id or "-")):
        require_name(what, name)
        if contains_pii(name):
            raise BadInput(
                f"the {what} holds what counts as a social security or card number, and names are shown: "
                "name it otherwise; nine digits by themselves are one, ten behind a letter are not"
            )
    chosen = mapping_for(source_system, mapping)
    scanned = scan(path)
    # twice: what is not printed can join the groups of a number, and what replaces it can part another
    filename = redact(_printable(redact(scanned.name)))
    returned = _returned(filename, scanned, is_replay=replays is not None)
    header = returned.header if returned else scanned.header
    try:
        bound = chosen.bind(header)
    except BadInput as refusal:
        raise BadInput(f"{filename}: {refusal}") from None
    return Delivery(
        scan=scanned,
        mapping=bound,
        source_system=source_system,
        batch_id=batch_id or redact(compute_batch_id(source_system, filename)[:NAME_LIMIT]),
        filename=filename,
        header=header,
        replays=replays,
        returned=returned,
    )


def _returned(filename: str, scanned: Scan, *, is_replay: bool) -> Return | None:
    """Says how the file's columns are those of an export of rejects, where it comes back as one."""
    if is_replay:
        returned = Return.of(scanned.header)
        if returned is None:
            raise BadInput(
                f"{filename}: expected the column 'reject' of `moat rejects`, by which a record says what reject it"
                " stands for, found none; correct the exported file, with that column in it"
            )
        return returned
    if is_export(scanned.header):
        raise BadInput(
            f"{filename}: found the columns of an export of rejects; say whose rejects come back with --replays RUN"
        )
    return None


def require_name(what: str, name: str) -> None:
    """Raises BadInput for a name that is empty, too long, or no text that a database keeps and a terminal shows."""
    if not 0 < len(name.strip()) <= NAME_LIMIT:
        raise BadInput(f"the {what} is empty or too long: expected 1 to {NAME_LIMIT} characters")
    # control characters, and halves of characters: what a byte of the command line that is not UTF-8 becomes
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise BadInput(f"the {what} holds a control character or bytes that are no text; give it without them")


def _printable(name: str) -> str:
    """A file's name without what a terminal would obey or what is no character at all."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
