"""How somebody wants a delivered file to be read."""

from dataclasses import dataclass

__all__ = ["AS_IT_IS", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is asked of a delivery's reading; None leaves a choice to what the file itself tells.

    `member` is the file of a zip archive, `sheet` the sheet of a workbook.
    """

    member: str | None = None
    sheet: str | None = None


AS_IT_IS = Reading()
