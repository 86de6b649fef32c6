"""How `landed_rows.extra` holds the cells that no canonical column took: as one text, which the views take apart.

Their names, and what stands between them, are said once a chunk. An array costs the server a tenth of the COPY more.
"""

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Extra"]

_UNIT_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class Extra:
    """The cells of a chunk's records: a text each, null for a record without, and what is announced of them.

    `separator` stands between the cells of a record, and in none of them. An empty cell and a null are one.
    """

    columns: tuple[str, ...]
    separator: str
    texts: "pl.Series"

    @classmethod
    def of(cls, cells: "pl.Series") -> "Extra":
        """Joins the cells of structs of text; nothing but nulls has no columns."""
        import polars as pl  # noqa: PLC0415 - whoever has cells has imported it

        if not isinstance(cells.dtype, pl.Struct):
            return cls((), _UNIT_SEPARATOR, cells)
        columns = cells.struct.unnest().select(pl.all().fill_null("")).get_columns()
        separator = _separator(columns)
        held = pl.DataFrame({"is_held": cells.is_not_null(), "text": _joined(columns, separator)})
        texts = held.select(pl.when("is_held").then("text").alias(cells.name)).to_series()
        return cls(tuple(cells.struct.fields), separator, texts)


def _separator(columns: "list[pl.Series]") -> str:
    """The unit separator; behind it a number, no two occurrences of which overlap, where a cell holds that itself."""
    if len(columns) > 1 and _is_in(_UNIT_SEPARATOR, columns):
        return next(tried for n in count() if not _is_in(tried := f"{_UNIT_SEPARATOR}{n}", columns))
    return _UNIT_SEPARATOR


def _is_in(text: str, columns: "list[pl.Series]") -> bool:
    return any(column.str.contains(text, literal=True).any() for column in columns)


def _joined(columns: "list[pl.Series]", separator: str) -> "pl.Series":
    import polars as pl  # noqa: PLC0415 - whoever has cells has imported it

    return columns[0] if len(columns) == 1 else pl.select(pl.concat_str(columns, separator=separator)).to_series()
