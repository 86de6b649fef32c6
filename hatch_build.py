"""Compiles what is written in C, by a compiler from the package index: an installation needs none of the machine's."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("plaintiff_moat", "ledger", "binary_copy.c")
LIBRARY = SOURCE.with_name("libbinary_copy.so")
FLAGS = ("-std=c11", "-O2", "-mcpu=baseline", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fvisibility=hidden")


class Compiled(BuildHookInterface):
    """The library lies beside its source, in a checkout as in a wheel, and is loaded by its path on every platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface's
        """Compile; what runs meanwhile keeps the library that it has loaded."""
        library = Path(self.root, LIBRARY)
        with TemporaryDirectory(dir=library.parent) as folder:
            compiled = Path(folder, library.name)
            caches = {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
            command = (sys.executable, "-m", "ziglang", "cc", *FLAGS, "-shared", "-fPIC", "-o", compiled, SOURCE)
            subprocess.run(command, cwd=self.root, env=os.environ | caches, check=True)
            compiled.replace(library)
        build_data["artifacts"].append(LIBRARY.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
