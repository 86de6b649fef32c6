"""Rejects come back: exported, corrected in a spreadsheet, imported as replays of the run, counted, undone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from import_steps import active, counts, everything
from reject_steps import APPENDED, NOTES, RUN, SSN, corrected, exported, outstanding, saved

from plaintiff_moat.errors import BadInput, RunFailed, WrongRun
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.rejects import Replayed, rejects_of_run
from plaintiff_moat.ledger.runs import find_run, run_events
from plaintiff_moat.ledger.undo import preview_rollback
from plaintiff_moat.preview import preview_file


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
