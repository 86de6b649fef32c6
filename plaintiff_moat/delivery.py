"""A delivery: the file that was scanned and whose header a mapping knows, under its identity."""

import os
import unicodedata
from dataclasses import dataclass

import polars as pl

from plaintiff_moat.errors import BadInput
from plaintiff_moat.identify import canonical_source_system, compute_batch_id
from plaintiff_moat.redaction import contains_pii, redact
from plaintiff_moat.rows import BoundMapping, mapping_for, prepare, require_names
from plaintiff_moat.source import CHUNK_BYTES, Chunk, Reading, Scan, read, scan

__all__ = ["Delivery", "open_delivery", "require_name", "shown_name"]

# Raised by one whenever the same bytes give other rows: a run is never continued across it.
READER_VERSION = 2


# A quarter of what an index row of PostgreSQL holds, for three such names and a hash.
NAME_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scanned file under its identity. Plain data.

    `filename` is the file's name without its folder, redacted.
    """

    scan: Scan
    mapping: BoundMapping
    source_system: str
    batch_id: str
    filename: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a claim is of: source system, batch and file hash."""
        return self.source_system, self.batch_id, self.scan.file_hash

    @property
    def reader_fingerprint(self) -> str:
        """Equal for two deliveries whose bytes would give the same rows in the same chunks; says how they are read."""
        dialect, mapping = self.scan.dialect, self.mapping.mapping
        ends = " and CR" if dialect.line_end == "\r" else ""
        return (
            f"reader {READER_VERSION}, chunks of {CHUNK_BYTES} bytes, {dialect.encoding} with {dialect.delimiter!r} and"
            f" {dialect.quote!r}{ends}, mapping {self.mapping.fingerprint} of {mapping.name} version {mapping.version}"
        )

    def rows(self, chunk: Chunk) -> pl.DataFrame:
        """The chunk's records as they are landed. Raises SourceChanged when its bytes are not those scanned."""
        cells = read(self.scan.path, self.scan.dialect, self.scan.header, chunk)
        return prepare(cells, self.scan.header, self.mapping, self.source_system)


def open_delivery(
    path: str | os.PathLike[str],
    *,
    source_system: str,
    batch_id: str | None = None,
    mapping: str | None = None,
    reading: Reading | None = None,
) -> Delivery:
    """Scans the file and binds its header to the mapping named, else to the source system's own, else to `generic`.

    `reading` says how the file is written as far as that shall not be found out. Raises BadInput and BadMapping. Writes
    nothing.
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
    scanned = scan(path, reading=reading or Reading(), heads=chosen.heads)
    filename = shown_name(scanned.name)
    try:
        require_names(scanned.header)
        bound = chosen.bind(scanned.header)
    except BadInput as refusal:
        raise BadInput(f"{filename}: {refusal}") from None
    return Delivery(
        scan=scanned,
        mapping=bound,
        source_system=source_system,
        batch_id=batch_id or redact(compute_batch_id(source_system, filename)[:NAME_LIMIT]),
        filename=filename,
    )


def require_name(what: str, name: str) -> None:
    """Raises BadInput for a name that is empty, too long, or no text that a database keeps and a terminal shows."""
    if not 0 < len(name.strip()) <= NAME_LIMIT:
        raise BadInput(f"the {what} is empty or too long: expected 1 to {NAME_LIMIT} characters")
    # control characters, and halves of characters: what a byte of the command line that is not UTF-8 becomes
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise BadInput(f"the {what} holds a control character or bytes that are no text; give it without them")


def shown_name(name: str) -> str:
    """A file's name as it may be shown and stored."""
    # twice: what is not printed can join the groups of a number, and what replaces it can part another
    return redact(_printable(redact(name)))


def _printable(name: str) -> str:
    """A file's name without what a terminal would obey or what is no character at all."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
