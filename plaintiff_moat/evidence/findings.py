"""What a check found: the first thing that does not hold."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold. `where` names an event, row, chunk or column; no field holds a cell's value.

    `check` is a stable code; `run` is None for what is of no single run.
    """

    check: str
    run: str | None
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        of = "" if self.run is None else f"run {self.run}, "
        return f"{of}{self.where}: expected {self.expected}, found {self.found}"
