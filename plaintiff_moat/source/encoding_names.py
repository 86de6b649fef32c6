"""The names of the encodings that files can be in."""

import codecs

from plaintiff_moat.errors import BadInput

__all__ = ["UTF_8", "UTF_16", "canonical"]

UTF_8 = "utf-8"
UTF_16 = frozenset({"utf-16-le", "utf-16-be"})


def canonical(name: str) -> str:
    """Return one name for all spellings of an encoding; BadInput unless files in it can be read.

    `utf-16` stands for either byte order: the file says which.
    """
    try:
        found = codecs.lookup(name).name.removesuffix("-sig")
    except (LookupError, ValueError):
        found = ""
    if found in {UTF_8, "utf-16"} or found in UTF_16 or (found and _extends_ascii(found)):
        return found
    raise BadInput(
        "expected utf-8, utf-16 or a single-byte encoding such as cp1252, latin-1, mac_roman or cp850, found another "
        "name as encoding; save the file as CSV in UTF-8"
    )


def _extends_ascii(name: str) -> bool:
    ascii_bytes = bytes(range(128))
    try:
        is_ascii = ascii_bytes.decode(name) == ascii_bytes.decode("ascii")
        "\u4e2d".encode(name)
    except UnicodeEncodeError:
        return is_ascii
    except (LookupError, UnicodeError):
        return False
    return False  # has characters of several bytes
