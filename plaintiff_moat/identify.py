"""What identifies a delivery: its batch id and the hash of its bytes."""

import hashlib
import os
import re
import unicodedata
from pathlib import Path, PurePath

__all__ = ["batch_part", "canonical_source_system", "compute_batch_id", "compute_file_hash"]

_NOT_IN_A_BATCH_ID = re.compile(r"[^0-9a-z._]+")


def canonical_source_system(name: str) -> str:
    """One spelling of a vendor's name: NFKC, white space folded and trimmed, lower-cased, as in the dedupe keys."""
    return " ".join(unicodedata.normalize("NFKC", name).lower().split())


def compute_file_hash(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of the file's bytes as 64 hexadecimal digits, read as a stream. Raises OSError as `open` does."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compute_batch_id(source_system: str, filename: str | os.PathLike[str], date_suffix: str | None = None) -> str:
    """A batch id for a vendor that sends none: the same for the same arguments, on every machine and day.

    It is the source system, the file's name without folder and ending, and the suffix, joined by dashes.
    """
    stem = batch_part(PurePath(filename).stem)
    return "-".join(part for part in (source_system, stem, date_suffix) if part)


def batch_part(name: str) -> str:
    """The name as it stands in a batch id: lower case, whatever is no letter of ASCII, digit, dot or _ as a dash."""
    return _NOT_IN_A_BATCH_ID.sub("-", name.lower()).strip("-")
