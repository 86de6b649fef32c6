"""What the benchmarks write: tables of Markdown, and on which machine the figures were taken."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

__all__ = ["RESULTS", "machine", "seconds", "table"]

LOAD_BEFORE = os.getloadavg()[0]
RESULTS = Path(__file__).resolve().parent / "results"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; every column but the first is aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seconds(value: float) -> str:
    """Seconds to three figures."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


def machine(server: str) -> str:
    """Processors, memory, operating system, Python and PostgreSQL, and what else the machine does."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GB of memory, {platform.system()} "
        f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}, PostgreSQL {server} "
        "(embedded, its settings as delivered, fsync on); load average before it began "
        f"{LOAD_BEFORE:.1f}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
