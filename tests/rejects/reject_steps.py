"""What the tests of rejects share: an export read, saved and corrected as by a person."""

import csv
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import psycopg

from plaintiff_moat.ledger.rejects import reject_counts
from plaintiff_moat.rejects import export_rejects

SSN = "123-45-6789"
HEADER = "Plaintiff Name,Email,Index Number,Judgment Amount,=Notes,line"
APPENDED = ["moat_error_code", "moat_error_message", "moat_line", "moat_raw", "moat_reject"]
# what a spreadsheet would run, what an export makes such a thing of, and what only looks alike
RUN = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
NOTES = [*(f"{begins}1+1" for begins in RUN), "'=1", "''-1", "'t Hooft", "O'Brien", ""]
Cells = list[dict[str, str]]


def exported(conn: psycopg.Connection, run: dict[str, Any], file: Path | None = None) -> Cells:
    """The export's records by column."""
    target = BytesIO()
    export_rejects(conn, run, target, file=file)
    return list(csv.DictReader(StringIO(target.getvalue().decode(), newline="")))


def saved(path: Path, records: Cells) -> Path:
    """The file as a spreadsheet saves it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def corrected(records: Cells) -> Cells:
    """The records with an amount, and the unreadable ones typed anew from their text."""
    names = {"WRONG_FIELD_COUNT": "Cyd", "BARE_QUOTE": "Dot"}
    for record in records:
        name = names.get(record["moat_error_code"])
        if name:
            record |= {"Plaintiff Name": name, "Email": "x@x.org", "Index Number": f"CV-{name}"}
        record["Judgment Amount"] = "10.00"
    return records


def outstanding(conn: psycopg.Connection, run: dict[str, Any]) -> tuple[int, int]:
    """How many rejects of the run are fixed, and how many are not."""
    counted = reject_counts(conn, run["id"])
    return counted["fixed"], counted["outstanding"]
