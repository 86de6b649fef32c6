"""Rejects come back: exported, corrected in a spreadsheet, imported as replays of the run, counted, undone."""

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
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from import_steps import active, counts, everything

from plaintiff_moat.cli.main import moat
from plaintiff_moat.errors import BadInput, RunFailed, WrongRun
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.rejects import Replayed, reject_counts, rejects_of_run
from plaintiff_moat.ledger.runs import find_run, run_events
from plaintiff_moat.ledger.undo import preview_rollback
from plaintiff_moat.preview import preview_file
from plaintiff_moat.rejects import export_rejects
from plaintiff_moat.rows.returns import Return, appended_columns, is_export, neutralised
from plaintiff_moat.source import Reading

SSN = "123-45-6789"
HEADER = "Plaintiff Name,Email,Index Number,Judgment Amount,=Notes,line"
APPENDED = ["moat_error_code", "moat_error_message", "moat_line", "moat_raw", "moat_reject"]
# what a spreadsheet would run, what an export makes such a thing of, and what only looks alike
RUN = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
NOTES = [*(f"{begins}1+1" for begins in RUN), "'=1", "''-1", "'t Hooft", "O'Brien", ""]
Cells = list[dict[str, str]]


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    """A vendor's file: a good record, one without an amount for each note, one of five fields, one of a bare quote."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for at, note in enumerate(NOTES):
        writer.writerow([f"Ben {at}", "b@x.org", f"CV-{at}", "n/a", note, f"SSN {SSN}"])
    lines = [HEADER, "Ada,a@x.org,CV-A,1.00,,", *text.getvalue().splitlines(keepends=True)]
    broken = f'Cyd,c@x.org,CV-C,1.00,{SSN}\nDot,d@x.org,CV-D,2.00,a "b",\n'
    path = tmp_path / "vendor.csv"
    path.write_bytes(("\n".join(lines[:2]) + "\n" + "".join(lines[2:]) + broken).encode())
    return path


@pytest.fixture
def parent(delivered: Path, database: Database) -> dict[str, Any]:
    """The run of the delivered file, as view v_runs shows it."""
    summary = import_file(delivered, database, source_system="acme")
    assert counts(summary) == (len(NOTES) + 3, 1, 0, len(NOTES) + 2)
    return {"id": summary.run_id, "file_hash": summary.file_hash, "replays": None}


@pytest.fixture
def run_moat(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command of `moat` on the test's database."""
    monkeypatch.setenv("MOAT_DATABASE_URL", db_url)
    return lambda *arguments: CliRunner().invoke(moat, [str(given) for given in arguments], standalone_mode=False)


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


def test_every_reject_comes_back_exactly_and_counts_as_fixed(
    database: Database, conn: psycopg.Connection, delivered: Path, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Export of the delivered cells, correction, replay: one record each, every other cell to the byte as delivered."""
    records = exported(conn, parent, delivered)
    assert list(records[0]) == [
        "Plaintiff Name",
        "Email",
        "Index Number",
        "Judgment Amount",
        "'=Notes",
        "line",
        *APPENDED,
    ]
    assert not any(cell[0] in RUN for record in records for cell in (*record, *record.values()) if cell)
    assert [record["moat_line"] for record in records[:2]] == ["3", "4"]
    unreadable = {record["moat_error_code"]: record for record in records[-2:]}
    assert unreadable["WRONG_FIELD_COUNT"]["moat_raw"] == f"Cyd,c@x.org,CV-C,1.00,{SSN}"
    assert unreadable["BARE_QUOTE"]["Plaintiff Name"] == ""

    fixed = saved(tmp_path / "fixed.csv", corrected(records))
    before = everything(conn)
    preview = preview_file(fixed, database, source_system="acme", replays=parent["id"])
    assert everything(conn) == before
    summary = import_file(fixed, database, source_system="acme", replays=str(parent["id"])[:8])
    assert counts(preview) == counts(summary) == (len(records), len(records), 0, 0)
    assert preview.replays == summary.replays == parent["id"]
    assert outstanding(conn, parent) == (len(records), 0)
    notes = "select extra ->> '=Notes' from ingest.v_plaintiffs where plaintiff_name like 'Ben %' order by row_number"
    assert [note or "" for (note,) in conn.execute(notes)] == NOTES
    extra = "select extra from ingest.v_plaintiffs where plaintiff_name = 'Ben 0'"
    assert conn.execute(extra).fetchone() == ({"=Notes": "=1+1", "line": f"SSN {SSN}"},)
    assert find_run(conn, str(parent["id"]))["rows_errored"] == len(records)


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


def test_what_is_outstanding_follows_from_the_runs_that_are_active(
    database: Database, conn: psycopg.Connection, delivered: Path, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Two replays that share a reject, one of them undone; a record rejected again, and fixed through its own run."""
    records = corrected(exported(conn, parent, delivered))
    first = import_file(saved(tmp_path / "1.csv", records[:3]), database, source_system="acme", replays=parent["id"])
    again = [dict(records[2]), records[3] | {"Judgment Amount": "n/a"}]
    second = import_file(saved(tmp_path / "2.csv", again), database, source_system="acme", replays=parent["id"])
    assert counts(second) == (2, 0, 1, 1)
    assert outstanding(conn, parent) == (3, len(records) - 3)
    fixed_by = {held["row_number"]: held["fixed_by_run"] for held in rejects_of_run(conn, parent["id"])}
    assert (fixed_by[4], fixed_by[5]) == (first.run_id, None)
    assert len(exported(conn, parent)) == len(records) - 3

    child = {"id": second.run_id, "file_hash": second.file_hash, "replays": parent["id"]}
    for file in (tmp_path / "2.csv", None):
        (still,) = exported(conn, child, file)
        assert [*still] == [*records[0]]
        assert (still["Plaintiff Name"], still["moat_reject"]) == ("Ben 3", f"{second.run_id}:2")
    third = corrected([still])
    # what one of two records fixes counts once, one that fails again not, and one that would be undone no more
    both = saved(tmp_path / "4.csv", [records[0], records[4], records[5] | {"Judgment Amount": "n/a"}])
    for replaced, fixed in ((None, 4), (first.run_id, 3)):
        preview = preview_file(both, database, replays=parent["id"], replaces=replaced)
        assert preview.replayed == Replayed(fixed, len(records) - fixed, 0)
    last = import_file(saved(tmp_path / "3.csv", third), database, source_system="acme", replays=second.run_id)
    assert outstanding(conn, child) == (1, 0)
    assert outstanding(conn, parent) == (4, len(records) - 4)

    IngestClaimClient(conn).rollback(first.run_id, "typed in the wrong column")
    assert outstanding(conn, parent) == (2, len(records) - 2)
    assert "Ben 0" not in active(conn)
    assert preview_rollback(conn, parent["id"]).corrections == (second.run_id, last.run_id)


def test_both_runs_tell_of_it_and_saying_it_again_changes_nothing(
    database: Database, conn: psycopg.Connection, delivered: Path, parent: dict[str, Any], tmp_path: Path
) -> None:
    """An event in either chain, with one digest over what stands for what; the same import again is a duplicate."""
    fixed = saved(tmp_path / "fixed.csv", corrected(exported(conn, parent, delivered)))
    first, second = (import_file(fixed, database, source_system="acme", replays=parent["id"]) for _ in range(2))
    assert (second.claim_status, second.run_id, second.replays) == ("duplicate", first.run_id, parent["id"])
    (of_child,) = (event for event in run_events(conn, first.run_id) if event["event"] == "replay")
    (of_parent,) = (event for event in run_events(conn, parent["id"]) if event["event"] == "replayed")
    assert of_child["details"]["replays"] == str(parent["id"])
    assert (of_parent["details"]["replayed_by"], of_parent["details"]["records"]) == (str(first.run_id), len(NOTES) + 2)
    assert of_parent["details"]["fixes_digest"] == of_child["details"]["fixes_digest"]


def test_what_cannot_come_back_is_refused_before_anything_is_written(
    database: Database, conn: psycopg.Connection, delivered: Path, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Another vendor, an undone run, another run's rejects, a row that is no reject, no reference, no parent named."""
    records = corrected(exported(conn, parent, delivered))
    fixed = saved(tmp_path / "fixed.csv", records)
    other = import_file(fixed.with_name("vendor.csv"), database, source_system="acme", batch_id="again").run_id
    undone = import_file(fixed.with_name("vendor.csv"), database, source_system="acme", batch_id="undone").run_id
    IngestClaimClient(conn).rollback(undone, "wrong export")

    def with_reference(text: str) -> Path:
        return saved(tmp_path / "wrong.csv", [records[0] | {"moat_reject": text}])

    before = everything(conn)
    for take in (import_file, preview_file):
        with pytest.raises(WrongRun, match="of another source system: its rejects come back as records of 'acme'"):
            take(fixed, database, source_system="beta", replays=parent["id"])
        with pytest.raises(WrongRun, match="rolled_back, and only a completed run"):
            take(with_reference(f"{undone}:2"), database, source_system="acme", replays=undone)
        with pytest.raises(WrongRun, match=rf"fixed\.csv: .*another run than {other} on lines 2, 3, 4, 5, 6 and"):
            take(fixed, database, source_system="acme", replays=other)
        with pytest.raises(WrongRun, match=r"row 1 of run .* is no reject"):
            take(with_reference(f"{parent['id']}:1"), database, source_system="acme", replays=parent["id"])
        with pytest.raises(BadInput, match=r"wrong\.csv: .*no reference as the export wrote it on line 2"):
            take(with_reference("17"), database, source_system="acme", replays=parent["id"])
        with pytest.raises(WrongRun, match="no record names a reject"):
            take(with_reference(""), database, source_system="acme", replays=parent["id"])
        with pytest.raises(BadInput, match="expected the column 'reject'"):
            take(delivered, database, source_system="acme", replays=parent["id"])
        with pytest.raises(BadInput, match="--replays RUN"):
            take(fixed, database, source_system="acme")
    assert everything(conn) == before


def test_a_parent_that_is_undone_meanwhile_publishes_nothing(
    database: Database,
    conn: psycopg.Connection,
    delivered: Path,
    parent: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commit that would publish asks again: the run fails, and the same file goes on without the undone parent."""
    fixed = saved(tmp_path / "fixed.csv", corrected(exported(conn, parent, delivered)))
    monkeypatch.setattr("plaintiff_moat.importer.require_replayable", lambda *_: None)
    IngestClaimClient(conn).rollback(parent["id"], "somebody was faster")
    with pytest.raises(RunFailed, match="rolled_back, and only a completed run"):
        import_file(fixed, database, source_system="acme", replays=parent["id"])
    assert active(conn) == set()


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


def test_the_commands_tell_what_is_fixed(
    delivered: Path, parent: dict[str, Any], run_moat: Callable[..., Result], conn: psycopg.Connection, tmp_path: Path
) -> None:
    """Import, show, trace and verify, in words."""
    run = str(parent["id"])
    records = corrected(exported(conn, parent, delivered))[:-1]
    added = records[0] | {"Plaintiff Name": "Eve", "moat_reject": ""}
    fixed = saved(tmp_path / "fixed.csv", [*records, added])
    asked = ("import", fixed, "--source-system", "acme", "--replays", run[:8])
    dry = run_moat(*asked).output
    assert f"would replay rejects of run {run}\n  17 rejects of run {run} would be fixed, 1 outstanding\n" in dry
    said = run_moat(*asked, "--commit").output
    assert f"  replays rejects of run {run}\n  17 rejects of run {run} fixed, 1 outstanding\n" in said
    for told in (dry, said):
        assert "  warning: 1 record stands for no reject: its reference is empty or cannot be read\n" in told
    shown = json.loads(run_moat("show", run, "--json").output)
    assert (shown["rejects_fixed"], shown["rejects_outstanding"], shown["rows_errored"]) == (17, 1, 18)
    child = run_moat("import", fixed, "--source-system", "acme", "--replays", run, "--commit", "--json")
    child_run = json.loads(child.output)["run_id"]
    traced = " ".join(run_moat("trace", "--row", f"{child_run}:1").output.split())
    assert "fixes" in traced
    assert json.loads(run_moat("trace", "--row", f"{child_run}:1", "--json").output)["origins"][0]["replays_row"] == 2
    assert run_moat("verify").return_value == 0
    assert "one file" in str(run_moat("import", tmp_path, "--replays", run).exception)
    for choice in (("--dry-run",), ("--reason", "wrong export")):
        undone = run_moat("rollback", run, *choice).output
        assert f"run {child_run} corrects rejects of it and stays published" in undone


def test_what_was_redacted_comes_back_with_a_warning(
    database: Database, conn: psycopg.Connection, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Without the delivered file the placeholders are what is left; the source system is the parent's by itself."""
    records = corrected(exported(conn, parent)[:2])
    summary = import_file(saved(tmp_path / "fixed.csv", records), database, replays=parent["id"])
    assert (summary.source_system, counts(summary)) == ("acme", (2, 2, 0, 0))
    assert summary.warnings == {"REDACTED_CELL": 2}
    assert outstanding(conn, parent)[0] == 2


def test_a_crashed_replay_goes_on(
    database: Database,
    conn: psycopg.Connection,
    parent: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is landed already keeps its references; nothing of it counts before it is published."""
    fixed = saved(tmp_path / "fixed.csv", corrected(exported(conn, parent)[:2]))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("plaintiff_moat.intake.Intake._publish", crash)
        with pytest.raises(KeyboardInterrupt):
            import_file(fixed, database, replays=parent["id"])
    assert outstanding(conn, parent)[0] == 0
    resumed = import_file(fixed, database, replays=parent["id"])
    assert (resumed.status, find_run(conn, str(resumed.run_id))["attempt"]) == ("completed", 2)
    assert outstanding(conn, parent)[0] == 2


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


def test_a_last_column_without_a_name_is_called_by_its_place_and_comes_back(
    database: Database, conn: psycopg.Connection, tmp_path: Path
) -> None:
    """As a file has whose every line ends with a delimiter; what stands in it is kept in extra."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"Plaintiff Name,Amount,\nAda,1.00,\nBen,n/a,late\n")
    summary = import_file(path, database)
    assert (counts(summary), summary.unmapped) == ((2, 1, 0, 1), ("column 3",))
    run = find_run(conn, str(summary.run_id))
    for file in (path, None):
        (record,) = exported(conn, run, file)
        assert list(record)[:4] == ["Plaintiff Name", "Amount", "column 3", "error_code"]
    fixed = import_file(saved(tmp_path / "b.csv", [record | {"Amount": "2.00"}]), database, replays=run["id"])
    assert (counts(fixed), outstanding(conn, run)) == ((1, 1, 0, 0), (1, 0))
    extras = "select plaintiff_name, extra ->> 'column 3' from ingest.v_plaintiffs"
    assert set(conn.execute(extras)) == {("Ada", None), ("Ben", "late")}


@pytest.mark.parametrize(
    ("encoding", "delimiter", "names"),
    [
        ("cp1250", ",", ["Dvo\u0159\u00e1k", "Ji\u0159\u00ed Nov\u00e1k"]),
        ("cp1257", "^", ["Ka\u017eys", "Ei\u0161is"]),
        ("utf-8", "^", ["Ka\u017eys", "Ei\u0161is"]),
        ("utf-16-le", "^", ["Ka\u017eys", "Ei\u0161is"]),
    ],
)
@pytest.mark.parametrize("saved_as", [None, "utf-8"])
def test_an_export_is_read_as_it_was_written(
    database: Database,
    conn: psycopg.Connection,
    tmp_path: Path,
    encoding: str,
    delimiter: str,
    names: list[str],
    saved_as: str | None,
) -> None:
    """What was said of the vendor's file holds for its copy too, unless that was saved otherwise."""
    path, copy = tmp_path / "vendor.csv", tmp_path / "copy.csv"
    header = f'"Plaintiff\nName"{delimiter}Amount'  # as a heading of two lines is saved
    lines = [header, *(f"{name}{delimiter}bad" for name in names), f"Zed{delimiter}1"]
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    reading = Reading(delimiter=delimiter, encoding=encoding)
    run_id = import_file(path, database, source_system="acme", reading=reading).run_id
    target = BytesIO()
    run = find_run(conn, str(run_id))
    export_rejects(conn, run, target, file=path)
    text = target.getvalue().decode(encoding).replace("bad", "12.50")
    copy.write_bytes(text.encode(saved_as or encoding))
    assert preview_file(copy, database, replays=run_id).rows_inserted == len(names)
    import_file(copy, database, replays=run_id)
    assert outstanding(conn, run) == (len(names), 0)
    assert {name for (name,) in conn.execute("select plaintiff_name from ingest.v_plaintiffs")} == {*names, "Zed"}


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


def test_a_correction_whose_columns_were_renamed_is_told_of(
    database: Database, conn: psycopg.Connection, delivered: Path, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Its amounts would be kept in extra, and its records count as fixed without them."""
    renamed = [
        {"Amt Judgm" if name == "Judgment Amount" else name: cell for name, cell in record.items()}
        for record in corrected(exported(conn, parent, delivered))
    ]
    copy = saved(tmp_path / "fixed.csv", renamed)
    found = [("COLUMN_MISSING", "Judgment Amount"), ("COLUMN_NEW", "Amt Judgm")]
    for summary in (
        preview_file(copy, database, source_system="acme", replays=parent["id"]),
        import_file(copy, database, source_system="acme", replays=parent["id"]),
    ):
        assert [(drift.code, drift.column) for drift in summary.drift] == found


def test_a_correction_of_the_same_name_is_not_said_to_replace_another(
    parent: dict[str, Any],
    run_moat: Callable[..., Result],
    conn: psycopg.Connection,
    tmp_path: Path,
) -> None:
    """To replace it would undo what it has fixed."""
    records = corrected(exported(conn, parent))
    for week, record in zip(("1", "2"), records, strict=False):
        (tmp_path / week).mkdir()
        fixed = saved(tmp_path / week / "fixed.csv", [record])
        said = run_moat("import", fixed, "--source-system", "acme", "--replays", str(parent["id"]), "--commit").output
    assert "is of the same batch with other bytes, and stays active\n" in said
    assert "--replaces" not in said


def test_a_file_that_is_known_under_another_mapping_is_said_to_be(
    run_moat: Callable[..., Result], tmp_path: Path
) -> None:
    """It is not taken in anew; what to do about it is said."""
    path, mapping = tmp_path / "week.csv", tmp_path / "mine.toml"
    path.write_text("Plaintiff Name,Jugdment Amount\nAda,5.00\n")
    assert run_moat("import", path, "--commit").return_value == 0
    run_moat("inspect", path, "-o", mapping)
    for options in ((), ("--commit",)):
        said = " ".join(run_moat("import", path, "--mapping", mapping, *options).output.split())
        assert "under another mapping; roll that one back to import the file under this one" in said


@pytest.mark.parametrize(
    ("vendors", "saved_as"), [("cp1252", "mac_roman"), ("mac_roman", "cp1252"), ("cp1252", "cp850")]
)
def test_a_copy_in_another_encoding_is_never_read_in_the_vendors(
    database: Database, conn: psycopg.Connection, tmp_path: Path, vendors: str, saved_as: str
) -> None:
    """Every byte is a character in all of them: what is evident is read so, and anything else refused."""
    path, copy = tmp_path / "vendor.csv", tmp_path / "copy.csv"
    names = ["Zo\u00eb Gro\u00df", "J\u00fcrgen M\u00fcller", "B\u00e4rbel"]
    path.write_bytes("\n".join(["Plaintiff Name,Amount", *(f"{name},bad" for name in names), ""]).encode(vendors))
    run_id = import_file(path, database, reading=Reading(encoding=vendors)).run_id
    target = BytesIO()
    export_rejects(conn, find_run(conn, str(run_id)), target, file=path)
    copy.write_bytes(target.getvalue().decode(vendors).replace("bad", "5").encode(saved_as))
    if saved_as != "cp1252":
        with pytest.raises(BadInput, match="whose encoding is evident"):
            import_file(copy, database, replays=run_id)
        return
    import_file(copy, database, replays=run_id)
    assert {name for (name,) in conn.execute("select plaintiff_name from ingest.v_plaintiffs")} == set(names)
