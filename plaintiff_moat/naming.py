"""What a delivery is called before a byte of it is read: the vendor, the batch, the name of the file."""

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from plaintiff_moat.containers.kinds import content_stem
from plaintiff_moat.errors import BadInput
from plaintiff_moat.identify import batch_part, canonical_source_system, compute_batch_id
from plaintiff_moat.redaction import contains_pii, redact

__all__ = ["DEFAULT_SOURCE_SYSTEM", "Named", "name_delivery", "require_name", "shown_name"]

DEFAULT_SOURCE_SYSTEM = "manual"

# A quarter of what an index row of PostgreSQL holds, for three such names and a hash.
NAME_LIMIT = 256
NAME_PART_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Named:
    """The names of a delivery; with the hash of its bytes, its identity. `filename` has no folder and is redacted."""

    source_system: str
    batch_id: str
    filename: str


def name_delivery(
    path: str | os.PathLike[str], *, source_system: str, batch_id: str | None = None, part: str | None = None
) -> Named:
    """Names the delivery; without a batch id, by its file and the `part` of it that is one of several.

    Touches no file. Raises BadInput for what is no name.
    """
    source_system = canonical_source_system(source_system)
    for what, name in (("source system", source_system), ("batch id", batch_id or "-")):
        require_name(what, name)
        if contains_pii(name):
            raise BadInput(
                f"the {what} holds what counts as a social security or card number, and names are shown: "
                "name it otherwise; nine digits by themselves are one, ten behind a letter are not"
            )
    filename = shown_name(Path(path).name)
    ending = f"-{batch_part(part)}"[:NAME_PART_LIMIT] if part else ""
    derived = compute_batch_id(source_system, content_stem(filename))[: NAME_LIMIT - len(ending)] + ending
    return Named(
        source_system=source_system,
        batch_id=batch_id or redact(derived),
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
