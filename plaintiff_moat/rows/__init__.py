"""Records as sent into records to land: frames in, frames out, no side effects.

`load_mapping` or `mapping_for` gives the mapping, `Mapping.bind` fits it to a file's header, and `prepare.prepare`
turns a frame of cells into a frame of `LANDING_COLUMNS`, in which every record is valid or a reject.
"""

from plaintiff_moat.rows.codes import ErrorCode, WarningCode
from plaintiff_moat.rows.columns import CANONICAL_COLUMNS, DEFAULT_IDENTITY, LANDING_COLUMNS
from plaintiff_moat.rows.headers import labels
from plaintiff_moat.rows.mapping import BoundMapping, Mapping, require_names
from plaintiff_moat.rows.mapping_files import load_mapping, mapping_for, mapping_names, parse_mapping
from plaintiff_moat.rows.propose import mapping_toml, propose

__all__ = [
    "CANONICAL_COLUMNS",
    "DEFAULT_IDENTITY",
    "LANDING_COLUMNS",
    "BoundMapping",
    "ErrorCode",
    "Mapping",
    "WarningCode",
    "labels",
    "load_mapping",
    "mapping_for",
    "mapping_names",
    "mapping_toml",
    "parse_mapping",
    "propose",
    "require_names",
]
