"""What is written in C: what is done to each byte of a file or to each cell of a chunk, where frames take too long.

All of this folder is one library, compiled when the package is installed. The module that a function belongs to
declares it, and makes its promise.
"""

import ctypes
from pathlib import Path
from typing import Any, Final

__all__ = ["function"]


def function(name: str, restype: Any, *argtypes: Any) -> Any:
    """Declare a function of the library. It runs without Python's lock."""
    declared = getattr(_LIBRARY, name)
    declared.restype = restype
    declared.argtypes = argtypes
    return declared


def _loaded() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(Path(__file__).with_name("libmoat.so")))
    except OSError as fault:
        raise ImportError("what is written in C is not compiled; install the package: pip install .") from fault


_LIBRARY: Final = _loaded()
