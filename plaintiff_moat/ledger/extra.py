"""How `landed_rows.extra` holds the cells that no canonical column took: as one text, which the views take apart.

Their names, and what stands between them, are said once a chunk. An array costs the server a tenth of the COPY more.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Extra"]

_UNIT_SEPARATOR: Final = "\x1f"
_LETTERS: Final = str.maketrans("01", "ab")  # digits could make a number that no log may show


@dataclass(frozen=True, slots=True)
class Extra:
    """The cells of a chunk's records, a text for each record, and what is announced of them.

    `separator` stands between the cells of a record, and in none of them. An only cell is the text itself, null where
    it is; of several a null is empty. A record without cells has no text.
    """

    columns: tuple[str, ...]
    separator: str
    texts: "pl.Series"

    @classmethod
    def of(cls, cells: "pl.Series") -> "Extra":
        """Joins the cells of structs of text, none of which is empty; nothing but nulls has no columns."""
        import polars as pl  # noqa: PLC0415 - whoever has cells has imported it

        if not isinstance(cells.dtype, pl.Struct):
            return cls((), _UNIT_SEPARATOR, cells)
        columns = tuple(cells.struct.fields)
        if len(columns) == 1:
            return cls(columns, _UNIT_SEPARATOR, cells.struct.field(columns[0]).alias(cells.name))
        each = cells.struct.unnest()
        separator = _separator(each)
        joined = pl.concat_str(pl.all().fill_null(""), separator=separator)
        texts = each.select(pl.when(cells.is_not_null()).then(joined).alias(cells.name)).to_series()
        return cls(columns, separator, texts)


def _separator(cells: "pl.DataFrame") -> str:
    """The unit separator; where cells hold it, that and the first word that stands behind none of theirs.

    Words are of one length, of which there are more than they hold separators: one look at the cells finds those taken.
    No two of them overlap, whatever stands before or behind.
    """
    holding = [column for column in cells if column.str.contains(_UNIT_SEPARATOR, literal=True).any()]
    if not holding:
        return _UNIT_SEPARATOR
    held = sum(int(column.str.count_matches(_UNIT_SEPARATOR, literal=True).sum()) for column in holding)
    length = held.bit_length()
    taken: set[str] = set()
    for column in holding:
        taken.update(column.str.extract_all(f"{_UNIT_SEPARATOR}[ab]{{{length}}}").explode().drop_nulls())
    words = (f"{n:0{length}b}".translate(_LETTERS) for n in range(held + 1))
    return next(word for word in (_UNIT_SEPARATOR + word for word in words) if word not in taken)
