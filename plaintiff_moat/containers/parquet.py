"""Parquet files as CSV: each value as text that says the same, a batch of rows at a time."""

import csv
import io
import struct
from pathlib import Path
from typing import Any, Final

import polars as pl

from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.errors import BadInput

__all__ = ["write_parquet"]

# Rows and cells that are decoded at once. Slices of 131,072 rows of 5 columns (482 MB of text) took 132 MB in 11.8 s,
# one row group of 5 million rows 320 MB; the same as a stream of batches 695 and 841 MB.
_ROWS: Final = 1 << 17
_CELLS: Final = 2 << 20
_TEXT_BYTES: Final = 8 << 20  # of text written at once
_MARK: Final = b"PAR1"
# The description of a file's columns and row groups is held whole.
_FOOTER_BYTES: Final = 64 << 20
_EXACT_TO: Final = 2.0**53  # up to here a float is a whole number exactly


def write_parquet(name: str, path: Path, content: io.TextIOWrapper, limits: Limits) -> None:
    """Writes all rows as comma-separated UTF-8 text, nulls as empty cells.

    Whole floats are written without `.0`, decimals with their scale, days and times as ISO 8601, a time stamp of
    midnight without a time zone as its day. Raises BadInput for nested or binary columns, a damaged file, and one that
    passes the limits.
    """
    _check_footer(name, path)
    try:
        frame = pl.scan_parquet(path, glob=False, hive_partitioning=False, low_memory=True)
        schema = frame.collect_schema()
        if len(schema) > limits.columns:
            raise limits.refusal(name, "columns", "columns")
        count = frame.select(pl.len()).collect().item()
        if count > limits.rows:
            raise limits.refusal(name, "rows", "rows")
        texts = [_text(name, position, *column) for position, column in enumerate(schema.items(), 1)]
        if len(texts) == 1:
            texts = [texts[0].fill_null("")]  # is quoted, where nothing at all would be a blank line
        csv.writer(content, lineterminator="\r\n").writerow(schema.names())
        content.flush()
        length = max(1, min(_ROWS, _CELLS // max(1, len(texts))))
        for first in range(0, count, length):
            rows = frame.slice(first, length).select(texts).collect()
            _write(name, rows, content.buffer, limits)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        # the parser's text may quote a value
        raise BadInput(
            f"{name}: expected a whole parquet file of texts, numbers, days and times, found damage, or bytes that are"
            " no UTF-8 text; ask the vendor for it again, or export it as CSV"
        ) from None


def _write(name: str, rows: pl.DataFrame, content: Any, limits: Limits) -> None:
    lengths = rows.select(pl.all().str.len_bytes().fill_null(0))
    if max(lengths.max().row(0)) > limits.field_bytes:
        raise limits.refusal(name, "field_bytes", "bytes in a cell")
    average = sum(lengths.cast(pl.Int64).sum().row(0)) // rows.height + 1
    at_once = max(1, _TEXT_BYTES // average)
    for part in rows.iter_slices(at_once):
        part.write_csv(content, include_header=False, line_terminator="\r\n", batch_size=at_once)


def _check_footer(name: str, path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        end = file.read()
    length = struct.unpack("<I", end[:4])[0] if len(end) == 8 else 0  # noqa: PLR2004 - a length and the mark
    if end[4:] != _MARK or length + 12 > size:
        raise BadInput(
            f"{name}: expected a parquet file to its end, found it cut short; ask the vendor for the whole file"
        )
    if length > _FOOTER_BYTES:
        raise BadInput(
            f"{name}: expected a description of at most {_FOOTER_BYTES >> 20} MiB, found a longer one; "
            "write the file with fewer row groups"
        )


def _text(name: str, position: int, column: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(column)
    if (
        dtype.is_integer()
        or dtype.is_decimal()
        or isinstance(dtype, pl.String | pl.Boolean | pl.Categorical | pl.Enum | pl.Null | pl.Binary)
    ):
        return value.cast(pl.String)
    if dtype.is_float():
        is_whole = (value == value.floor()) & (value.abs() <= _EXACT_TO)
        return (
            pl.when(is_whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
        )
    if isinstance(dtype, pl.Date | pl.Time):
        return value.dt.to_string("iso:strict")
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            return value.dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z")
        is_midnight = value.dt.time() == pl.time(0, 0, 0)
        return pl.when(is_midnight).then(value.dt.to_string("%Y-%m-%d")).otherwise(value.dt.to_string("iso:strict"))
    # positions, not names, as everywhere
    raise BadInput(
        f"{name}: expected texts, numbers, days and times, found column {position} of type {dtype.base_type()}; "
        "export the file without nested columns"
    )
