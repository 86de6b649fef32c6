"""Compiles what is written in C, by a compiler from the package index: an installation needs none of the machine's."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

SOURCES = Path("plaintiff_moat", "native")
LIBRARY = SOURCES / "libmoat.so"
# What the wheel of polars asks of a processor; a tenth of the reader's time less than for any of its kind.
PROCESSOR = "x86_64_v3" if platform.machine() in {"x86_64", "AMD64"} else "baseline"
FLAGS = (
    "-std=c11", "-O2", "-s", f"-mcpu={PROCESSOR}", "-fvisibility=hidden",
    "-Wall", "-Wextra", "-Wconversion", "-Werror",
)  # fmt: skip


class Compiled(BuildHookInterface):
    """The library lies beside its sources, in a checkout as in a wheel, and is loaded by its path on every platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface's
        """Compile, in a folder that is no part of the package whatever becomes of it."""
        library = Path(self.root, LIBRARY)
        sources = sorted(Path(self.root, SOURCES).glob("*.c"))
        with TemporaryDirectory(prefix=".compiling-", dir=library.parent) as folder:
            compiled = Path(folder, library.name)
            caches = {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
            command = (sys.executable, "-m", "ziglang", "cc", *FLAGS, "-shared", "-fPIC", "-o", compiled, *sources)
            subprocess.run(command, cwd=self.root, env=os.environ | caches, check=True)
            compiled.replace(library)
        build_data["artifacts"].append(LIBRARY.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform()}"


def _platform() -> str:
    """The first of the machine's tags, but that of no policy: what is compiled here may need what only is here."""
    return next(tag for tag in platform_tags() if "linux_" not in tag or tag.startswith("linux_"))
