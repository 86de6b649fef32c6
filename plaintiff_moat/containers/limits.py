"""How much a delivered file may expand to: enough for any vendor's file, too little for one that is made to harm."""

import os
from dataclasses import dataclass, fields
from typing import Self

from plaintiff_moat.errors import BadInput

__all__ = ["Limits"]

_PREFIX = "MOAT_LIMIT_"
# Below this no ratio is suspicious: a file of blanks harms nobody.
_HARMLESS = 64 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of reading a container; each is changed by an environment variable, such as MOAT_LIMIT_RATIO=500.

    `expanded_bytes` of content; `ratio` of content to the bytes it is packed in, asked above 64 MiB of content (a CSV
    file shrinks to a tenth, one of repetitions to a hundredth, a bomb to a thousandth); `members` of an archive;
    `field_bytes` of a cell or a row of cells, as no record is longer; `columns` and `rows` of a sheet or parquet file.
    """

    expanded_bytes: int = 16 << 30
    ratio: int = 250
    members: int = 1_000
    field_bytes: int = 1 << 20
    columns: int = 1_000
    rows: int = 50_000_000

    @classmethod
    def of_environment(cls) -> Self:
        """The defaults, and what the environment says instead. Raises BadInput for what is no positive number."""
        changed = {}
        for field in fields(cls):
            name = f"{_PREFIX}{field.name.upper()}"
            text = os.environ.get(name)
            if text:
                if not (text.isascii() and text.isdecimal() and 0 < len(text) < 19 and int(text)):  # noqa: PLR2004
                    raise BadInput(f"{name}: expected a positive whole number, found something else; correct it")
                changed[field.name] = int(text)
        return cls(**changed)

    def content_bytes(self, packed: int) -> tuple[int, str]:
        """How many bytes `packed` ones may expand to, and what to do about a file that is meant to be larger."""
        by_ratio = max(_HARMLESS, self.ratio * packed)
        if by_ratio < self.expanded_bytes:
            return by_ratio, (
                f"that is {self.ratio} times its size, as of an archive that is made to fill disks;"
                f" if it is meant to be, set {_PREFIX}RATIO"
            )
        return self.expanded_bytes, f"if it is meant to be this large, set {_PREFIX}EXPANDED_BYTES"

    def refusal(self, name: str, field: str, what: str) -> BadInput:
        """The error for a file with more of something than the limit called `field`."""
        limit = getattr(self, field)
        return BadInput(
            f"{name}: expected at most {limit:,} {what}, found more; if it is meant to be, set {_PREFIX}{field.upper()}"
        )
