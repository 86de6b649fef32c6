"""Rejects leave: which records and cells of them, for a spreadsheet that runs none."""

import csv
import json
import stat
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from reject_steps import APPENDED, RUN, SSN, exported, saved

from plaintiff_moat.errors import BadInput
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.runs import find_run
from plaintiff_moat.rejects import export_rejects
from plaintiff_moat.rows.returns import Return, appended_columns, is_export, neutralised
from plaintiff_moat.source import Reading


@given(st.text(alphabet=["'", " ", "a", *RUN], max_size=6))
def test_no_cell_is_changed_by_leaving_and_returning(cell: str) -> None:
    """Whatever it begins with; and what left begins with nothing that runs."""
    left = neutralised(cell)
    returned = Return.of([left, "reject"])
    assert returned is not None
    assert returned.header == (cell,)
    assert not left or left[0] not in RUN


@given(st.lists(st.sampled_from(["Name", "Line", " raw", "reject", *APPENDED, "moat_raw_2", "MOAT_REJECT_9"])))
def test_the_columns_of_a_vendor_return_whatever_they_are_called(vendors: list[str]) -> None:
    """The export's columns have names of their own, by which they are told from those of the vendor."""
    appended = appended_columns(vendors)
    assert not {name.strip().lower() for name in vendors} & set(appended)
    assert is_export([*vendors, *appended])
    returned = Return.of([*vendors, *appended])
    assert returned is not None
    assert (returned.header, returned.reference) == (tuple(vendors), len(vendors) + 4)


def test_without_the_file_nothing_redacted_is_shown(
    delivered: Path, parent: dict[str, Any], run_moat: Callable[..., Result], tmp_path: Path
) -> None:
    """The ledger's cells in the vendor's order, and a word on what is redacted; the delivered ones go to a file."""
    run = str(parent["id"])
    shown = run_moat("rejects", run)
    assert SSN not in shown.output
    records = list(csv.DictReader(StringIO(shown.stdout, newline="")))
    assert [*records[0]] == ["Plaintiff Name", "Email", "Index Number", "Judgment Amount", "'=Notes", "line", *APPENDED]
    assert (records[0]["'=Notes"], records[0]["line"]) == ("'=1+1", "SSN [SSN_REDACTED]")
    assert "[SSN_REDACTED]" in records[-2]["moat_raw"]
    assert "cells of 17 records are redacted" in shown.stderr

    listed = run_moat("show", run, "--rejects").output
    assert "18 rejects, 18 outstanding" in listed
    assert "16  INVALID_AMOUNT: judgment_amount (column 'Judgment Amount') is not an amount" in listed
    assert "lines 3, 4, 5, 6, 7, 8, 9-10" in listed
    one_by_one = json.loads(run_moat("show", run, "--rejects", "--json").output)["rejects"]
    assert [held["row_number"] for held in one_by_one] == [*range(2, 20)]
    assert SSN not in listed + json.dumps(one_by_one)

    assert "name the file to write with -o" in str(run_moat("rejects", run, "--file", delivered).exception)
    target = tmp_path / "out.csv"
    told = run_moat("rejects", run, "--file", delivered, "-o", target)
    assert SSN in target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert told.output == f"moat: 18 rejects of run {run}\n"
    assert "expected a new file" in str(run_moat("rejects", run, "-o", target).exception)
    stranger = tmp_path / "other.csv"
    stranger.write_bytes(delivered.read_bytes() + b"\n")
    refused = run_moat("rejects", run, "--file", stranger, "-o", tmp_path / "none.csv")
    assert "found other bytes" in str(refused.exception)
    assert not (tmp_path / "none.csv").exists()


def test_an_export_of_nothing_is_said_and_leaves_no_file(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], run_moat: Callable[..., Result]
) -> None:
    """Of a run without rejects, and of one whose rejects are all fixed."""
    path = csv_file("a.csv", ["Ada"], "Ben,b@example.com,CV-1,n/a,2024-05-01,")
    whole = import_file(csv_file("b.csv", ["Cyd"]), database).run_id
    run = import_file(path, database).run_id
    target = path.with_name("out.csv")
    (record,) = exported(conn, find_run(conn, str(run)))
    fixed = saved(path.with_name("fixed.csv"), [record | {"Judgment Amount": "1.00"}])
    import_file(fixed, database, replays=run)
    for asked, said in (
        (whole, "has no rejects; no file was written"),
        (run, "has 1 reject, all fixed: --all exports them; no file was written"),
    ):
        nothing = run_moat("rejects", asked, "-o", target)
        assert (nothing.exception, nothing.output) == (None, f"moat: run {asked} {said}\n")
        assert not target.exists()
    assert "1 reject of run" in run_moat("rejects", run, "--all", "-o", target).output


def test_an_export_of_a_run_that_was_never_described_has_its_columns_by_name(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """As one that was landed by another client than ours."""
    summary = import_file(csv_file("a.csv", [], "Ben,b@example.com,CV-1,n/a,2024-05-01,"), database)
    conn.execute("set role moat_owner")
    conn.execute("update ingest.import_runs set source_layout = null")
    conn.execute("reset role")
    (record,) = exported(conn, find_run(conn, str(summary.run_id)))
    assert list(record)[:6] == sorted(
        ["Plaintiff Name", "Email", "Index Number", "Judgment Amount", "Judgment Date", "Notes"]
    )
    assert (record["Judgment Amount"], record["line"], record["reject"]) == ("n/a", "2", f"{summary.run_id}:1")


def test_only_the_part_that_the_run_was_read_from_is_exported(
    database: Database, conn: psycopg.Connection, tmp_path: Path
) -> None:
    """Another sheet of the delivered workbook has the same hash, and records of its own on the same lines."""
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    for sheet, name, amount in ((book.active, "May", "5.00"), (book.create_sheet("June"), "June", "oops")):
        sheet.append(["Plaintiff Name", "Amount"])
        sheet.append([f"Ada of {name}", amount])
    book.save(path)
    run = find_run(conn, str(import_file(path, database, reading=Reading(sheet="June")).run_id))
    for other in (None, book.sheetnames[0]):
        with pytest.raises(BadInput, match="expected the part of it"):
            export_rejects(conn, run, BytesIO(), file=path, reading=Reading(sheet=other))
    target = BytesIO()
    assert export_rejects(conn, run, target, file=path, reading=Reading(sheet="June")).records == 1
    assert b"Ada of June" in target.getvalue()
