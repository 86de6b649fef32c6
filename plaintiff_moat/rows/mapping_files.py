"""Mappings as TOML data: those that come with the package and the user's own.

    name = "acme"
    description = "one line for people"                  # optional
    version = 1
    identity = ["plaintiff_name", "source_reference"]    # optional; what makes two records one
    sensitive = ["DBTR_TAX_NBR"]                         # optional; columns never stored in clear

    [columns]
    plaintiff_name = ["Creditor", "Creditor Name"]       # the first spelling found in a header is used

A spelling stands for every header with the same letters and digits, whatever their case.
"""

import difflib
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from plaintiff_moat.errors import BadMapping
from plaintiff_moat.rows.columns import CANONICAL_COLUMNS, DEFAULT_IDENTITY
from plaintiff_moat.rows.headers import is_sensitive, reduced
from plaintiff_moat.rows.mapping import Mapping

__all__ = ["load_mapping", "mapping_for", "mapping_names", "parse_mapping"]

DEFAULT_MAPPING: Final = "generic"
SIZE_LIMIT: Final = 1 << 20  # bytes; a mapping takes a few thousand
_KEYS: Final = frozenset({"name", "description", "version", "columns", "identity", "sensitive"})
_BUNDLED: Final = files("plaintiff_moat.rows") / "mappings"


def mapping_names() -> tuple[str, ...]:
    """Give the names of the mappings that come with the package."""
    found = (entry.name for entry in _BUNDLED.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def mapping_for(source_system: str, explicit: str | Path | None = None) -> Mapping:
    """Choose the explicit mapping; else the one named after the source system; else `generic`."""
    if explicit is not None:
        return load_mapping(explicit)
    name = source_system.strip().lower()
    return load_mapping(name if name in mapping_names() else DEFAULT_MAPPING)


def load_mapping(name_or_path: str | Path) -> Mapping:
    """Read and validate a mapping that comes with the package, or one from a TOML file; else `BadMapping`."""
    if isinstance(name_or_path, str) and name_or_path in mapping_names():
        return parse_mapping((_BUNDLED / f"{name_or_path}.toml").read_bytes(), name_or_path)
    path = Path(name_or_path)
    try:
        if path.is_file():
            return parse_mapping(_read(path), str(path))
        present = path.exists()
    except (OSError, ValueError) as error:
        raise BadMapping(f"mapping file {path} cannot be read: {error}; check the path") from error
    if present:
        raise BadMapping(f"mapping {path} is not a regular file; give the path of a TOML file")
    names = mapping_names()
    near = difflib.get_close_matches(str(name_or_path).lower(), names, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise BadMapping(
        f"no mapping '{name_or_path}': expected one of {', '.join(names)}, or the path of a TOML file{hint}"
    )


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise BadMapping(f"mapping file {path} is larger than {SIZE_LIMIT:,} bytes; is it a mapping?")
    return content


@lru_cache(maxsize=32)  # a folder of small files is read under one mapping
def parse_mapping(content: bytes, where: str) -> Mapping:
    """Read and validate the TOML of a mapping; `where` is what messages call it. Raises BadMapping."""
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadMapping(f"mapping {where} is not TOML in UTF-8: {error}") from error
    _known(table, _KEYS, "key", where)
    sensitive = frozenset(map(reduced, _texts(table.get("sensitive", []), "sensitive", where)))
    mapping = Mapping(
        name=_name(table, where),
        version=_version(table, where),
        description=str(table.get("description", "")),
        columns=_columns(table.get("columns"), sensitive, where),
        identity=_identity(table.get("identity", list(DEFAULT_IDENTITY)), where),
        sensitive=sensitive,
    )
    if not mapping.spellings("plaintiff_name"):
        raise BadMapping(f"mapping {where} names no header for plaintiff_name; add it under [columns]")
    return mapping


def _name(table: dict[str, Any], where: str) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise BadMapping(f'mapping {where}: expected name = "...", found {_kind(name)}')
    return name


def _version(table: dict[str, Any], where: str) -> int:
    version = table.get("version")
    if type(version) is not int or version < 1:
        raise BadMapping(f"mapping {where}: expected version = a whole number from 1, found {_kind(version)}")
    return version


def _identity(value: object, where: str) -> tuple[str, ...]:
    columns = _texts(value, "identity", where)
    _known(columns, CANONICAL_COLUMNS, "column in identity", where)
    if not columns or len(set(columns)) != len(columns):
        raise BadMapping(f"mapping {where}: identity must name at least one canonical column, and each only once")
    return columns


def _columns(value: object, sensitive: frozenset[str], where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise BadMapping(f"mapping {where}: expected a table [columns], found {_kind(value)}")
    _known(value, CANONICAL_COLUMNS, "canonical column", where)
    owner: dict[str, str] = {}
    columns = tuple((column, _texts(value[column], column, where)) for column in CANONICAL_COLUMNS if column in value)
    for column, spellings in columns:
        for spelling in spellings:
            if is_sensitive(spelling, sensitive):
                raise BadMapping(f"mapping {where}: '{spelling}' is a sensitive column and cannot fill {column}")
            if owner.setdefault(reduced(spelling), column) != column:
                raise BadMapping(
                    f"mapping {where}: '{spelling}' stands for both {owner[reduced(spelling)]} and {column}"
                )
    return columns


def _texts(value: object, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and reduced(text) for text in value):
        raise BadMapping(f"mapping {where}: expected {key} = a list of texts with letters or digits in each")
    return tuple(value)


def _known(found: Iterable[str], expected: Iterable[str], what: str, where: str) -> None:
    accepted = sorted(expected)
    for text in found:
        if text not in accepted:
            near = difflib.get_close_matches(text, accepted, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise BadMapping(f"mapping {where}: unknown {what} '{text}'; expected {', '.join(accepted)}{hint}")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
