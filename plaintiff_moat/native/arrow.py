"""Frames into functions of the library, and columns out of them, without a copy.

They go through the Arrow C interfaces: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html.
"""

import ctypes
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from plaintiff_moat.native import function

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

__all__ = ["Fault", "maker", "splitter", "taker"]


class Fault(IntEnum):
    """What ends a function that takes rows or makes columns, as arrow.h numbers it."""

    NONE = 0
    NO_MEMORY = 1
    NO_STREAM = 2
    OTHER_COLUMNS = 3
    MALFORMED = 4


def taker(name: str, *argtypes: Any) -> "Callable[..., Fault]":
    """Declare a function of the library that takes rows and more arguments of these types.

    It raises MemoryError, and ValueError for columns of other data types than it takes.
    """
    native = function(name, ctypes.c_int, ctypes.c_void_p, *argtypes)

    def take(rows: "pl.DataFrame | pl.Series", *arguments: Any) -> Fault:
        capsule = rows.__arrow_c_stream__()
        fault = Fault(native(_POINTER_OF(capsule, b"arrow_array_stream"), *arguments))
        if fault == Fault.NO_MEMORY:
            raise MemoryError
        if fault == Fault.NO_STREAM:
            raise RuntimeError("polars gave no Arrow stream of the rows")
        if fault == Fault.OTHER_COLUMNS:
            found = ", ".join(str(column.dtype.base_type()) for column in _columns(rows))
            raise ValueError(f"expected columns of Int64 and String as it takes them, found {found}")
        return fault

    return take


def maker(name: str, *argtypes: Any) -> "Callable[..., pl.Series]":
    """Declare a function of the library that makes a column with a row for each of those that it takes."""
    take = taker(name, ctypes.c_int64, *argtypes, ctypes.c_void_p, ctypes.c_void_p)

    def make(rows: "pl.DataFrame | pl.Series", *arguments: Any) -> "pl.Series":
        import polars as pl  # noqa: PLC0415 - whoever has rows has imported it

        column = _Column(_Schema(), _Array())
        take(rows, len(rows), *arguments, ctypes.byref(column.schema), ctypes.byref(column.array))
        return pl.Series(column)

    return make


def splitter(name: str, *argtypes: Any) -> "Callable[..., list[pl.Series] | None]":
    """Declare a function of the library that makes so many columns of a text; None where the text is malformed.

    The number of columns is its last argument. It raises MemoryError.
    """
    native = function(name, ctypes.c_int, *argtypes, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)

    def split(*arguments: Any) -> "list[pl.Series] | None":
        import polars as pl  # noqa: PLC0415 - whoever wants columns has imported it

        width = arguments[-1]
        schemas, arrays = (_Schema * width)(), (_Array * width)()
        fault = Fault(native(*arguments, schemas, arrays))
        if fault == Fault.NO_MEMORY:
            raise MemoryError
        if fault == Fault.MALFORMED:
            return None
        return [pl.Series(_Column(schema, array)) for schema, array in zip(schemas, arrays, strict=True)]

    return split


def _columns(rows: "pl.DataFrame | pl.Series") -> "list[pl.Series]":
    return rows.to_frame().get_columns() if hasattr(rows, "to_frame") else rows.get_columns()


class _Schema(ctypes.Structure):
    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_char_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


class _Array(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


class _Column:
    """What a function of the library exports; whoever imports it takes it over."""

    def __init__(self, schema: _Schema, array: _Array) -> None:
        self.schema = schema
        self.array = array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        schema, array = ctypes.addressof(self.schema), ctypes.addressof(self.array)
        return _CAPSULE_OF(schema, b"arrow_schema", None), _CAPSULE_OF(array, b"arrow_array", None)


_POINTER_OF: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_CAPSULE_OF: Final = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
