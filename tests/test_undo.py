"""Correcting a load: compare deliveries, replace a file in one go, keep an undone one out."""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from import_steps import active, counts, everything

from plaintiff_moat import intake
from plaintiff_moat.errors import NoSuchRun, NotReleased, RunFailed, WrongRun
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.differences import diff_runs
from plaintiff_moat.ledger.undo import preview_rollback
from plaintiff_moat.preview import preview_file

CsvFile = Callable[..., Path]


def test_a_corrected_file_takes_the_place_of_another(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """The dry run tells the counts that the import then has, and only the corrected records are active."""
    old = import_file(csv_file("a.csv", ["Ada", "Ben", "Cyd"]), database)
    between = import_file(csv_file("b.csv", ["Ben", "Eve"]), database)
    corrected = csv_file("c.csv", ["Ada", "Ben", "Dot"])

    before = everything(conn)
    preview = preview_file(corrected, database, replaces=old.run_id)
    assert everything(conn) == before
    summary = import_file(corrected, database, replaces=str(old.run_id)[:8])
    assert counts(preview) == counts(summary) == (3, 2, 1, 0)
    assert preview.replaces == summary.replaces == old.run_id
    assert active(conn) == {"Ada", "Ben", "Dot", "Eve"}
    inserted = "select rows_inserted from ingest.v_runs where id = %s"
    assert conn.execute(inserted, [between.run_id]).fetchone() == (2,)


def test_a_replacement_is_repeated_without_harm(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """The same import once more is a duplicate that still names the run it replaced."""
    old = import_file(csv_file("a.csv", ["Ada"]), database)
    corrected = csv_file("b.csv", ["Ben"])
    first, second = (import_file(corrected, database, replaces=old.run_id) for _ in range(2))
    assert (second.claim_status, second.run_id, second.replaces) == ("duplicate", first.run_id, old.run_id)
    assert active(conn) == {"Ben"}


def test_the_same_batch_with_other_bytes_is_told_and_can_still_replace(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """A second delivery of a batch becomes a run beside the first, says so, and replaces it when asked to."""
    old = import_file(csv_file("a.csv", ["Ada", "Ben"]), database)
    corrected = csv_file("a.csv", ["Ada", "Cyd"])
    assert preview_file(corrected, database).other_delivery == old.run_id
    beside = import_file(corrected, database)
    assert (beside.claim_status, beside.other_delivery) == ("claimed", old.run_id)
    assert active(conn) == {"Ada", "Ben", "Cyd"}

    instead = import_file(corrected, database, replaces=old.run_id)
    assert (instead.claim_status, instead.replaces, instead.other_delivery) == ("duplicate", old.run_id, None)
    assert counts(instead) == (2, 2, 0, 0)
    assert active(conn) == {"Ada", "Cyd"}


def test_a_run_that_cannot_be_replaced_is_refused_before_anything_is_written(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """Another vendor's run, an undone one, one of the same bytes, an unknown one: neither claimed nor landed."""
    path = csv_file("a.csv", ["Ada"])
    old, undone = import_file(path, database), import_file(csv_file("b.csv", ["Ben"]), database)
    IngestClaimClient(conn).rollback(undone.run_id, "wrong export")
    corrected = csv_file("c.csv", ["Cyd"])
    before = everything(conn)
    for take in (import_file, preview_file):
        with pytest.raises(WrongRun, match=r"is of source system .*, the file of another, "):
            take(corrected, database, source_system="acme", replaces=old.run_id)
        with pytest.raises(WrongRun, match="is rolled_back, and only a completed run"):
            take(corrected, database, replaces=undone.run_id)
        with pytest.raises(WrongRun, match="the very same bytes"):
            take(path, database, batch_id="another", replaces=old.run_id)
        with pytest.raises(NoSuchRun):
            take(corrected, database, replaces="00000000")
    assert everything(conn) == before


def test_a_replacement_that_comes_too_late_fails_and_can_be_imported_without(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the old run is undone while the new one is landed, the new one is not active, and goes on when told to."""
    old = import_file(csv_file("a.csv", ["Ada"]), database)
    corrected = csv_file("b.csv", ["Ben"])
    land = intake.land

    def land_late(*arguments: object) -> None:
        IngestClaimClient(conn).rollback(old.run_id, "somebody was faster")
        land(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(intake, "land", land_late)
        with pytest.raises(RunFailed, match="is rolled_back, and only a completed run"):
            import_file(corrected, database, replaces=old.run_id)
    assert active(conn) == set()
    summary = import_file(corrected, database)
    assert (summary.status, summary.replaces) == ("completed", None)


def test_an_unattended_import_leaves_an_undone_file_alone(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """The error and the dry run name the undone run; released, or asked for, the file is taken in again."""
    path = csv_file("a.csv", ["Ada"])
    client = IngestClaimClient(conn)
    undone = import_file(path, database, unattended=True).run_id
    client.rollback(undone, "wrong export")
    for take in (import_file, preview_file):
        with pytest.raises(NotReleased) as refusal:
            take(path, database, unattended=True)
        assert refusal.value.run_id == undone
    assert client.release(undone, "it was right after all")
    again = import_file(path, database, unattended=True).run_id
    client.rollback(again, "no, it was wrong")
    assert import_file(path, database).status == "completed"
    assert import_file(path, database, unattended=True).claim_status == "duplicate"


def test_two_deliveries_are_compared_by_key(database: Database, conn: psycopg.Connection, tmp_path: Path) -> None:
    """Added, gone and changed records with the columns' names; repeated keys count once, rejects not at all."""

    def take(name: str, *lines: str) -> object:
        path = tmp_path / name
        path.write_text("\n".join(["Plaintiff Name,Email,Judgment Amount,Notes", *lines, ""]), encoding="utf-8")
        return import_file(path, database).run_id

    a = take("a.csv", "Ada,a@x.org,1.00,old", "Ben,b@x.org,2.00,", "Cyd,c@x.org,3.00,", "ADA,a@x.org,9.00,", ",,,")
    b = take("b.csv", "Cyd,c@x.org,$3,", "Dot,d@x.org,4.00,", "Ada,a@x.org,1.50,new", "Eve,e@x.org,N/A,")
    found = diff_runs(conn, a, b, values=True)
    assert (found.a.records, found.a.rejected, found.a.keys, found.b.keys) == (5, 1, 3, 3)
    assert (found.added, found.gone, found.changed, found.unchanged) == (1, 1, 1, 1)
    assert found.changed_columns == {"judgment_amount": 1, "extra.Notes": 1}
    added, changed, gone = found.records
    assert (added.change, added.line_a, added.line_b) == ("added", None, 3)
    assert added.values["plaintiff_name"] == (None, "Dot")
    assert (changed.row_a, changed.row_b, changed.columns) == (1, 3, ("judgment_amount", "extra.Notes"))
    assert changed.values["extra.Notes"] == ("old", "new")
    assert (gone.change, gone.line_a, gone.values["contact_email"]) == ("gone", 3, ("b@x.org", None))

    counted = diff_runs(conn, a, b, limit=0)
    assert (counted.changed, counted.records) == (1, ())
    assert all(record.values is None for record in diff_runs(conn, a, b).records)
    same = diff_runs(conn, a, a)
    assert (same.added, same.gone, same.changed, same.unchanged) == (0, 0, 0, 3)


def test_deliveries_of_two_vendors_are_not_compared(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """Their keys have nothing in common: everything would seem to have changed."""
    first = import_file(csv_file("a.csv", ["Ada"]), database)
    second = import_file(csv_file("b.csv", ["Ada"]), database, source_system="acme")
    with pytest.raises(WrongRun, match="two source systems"):
        diff_runs(conn, first.run_id, second.run_id)


def test_the_commands_say_what_is_done(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile, run_moat: Callable[..., Result]
) -> None:
    """Diff, dry run of a rollback, replacement, refusal in a folder, release: in words and as JSON."""
    folder = csv_file("a.csv", ["Ada", "Ben"]).parent
    old = str(import_file(folder / "a.csv", database).run_id)
    corrected = csv_file("b.csv", ["Ada", "Cyd"])
    new = str(import_file(corrected, database).run_id)

    shown = run_moat("diff", old, new).output
    assert "added                        1" in shown
    assert "Cyd" not in shown
    assert "Cyd" in run_moat("diff", old, new, "--values").output
    assert json.loads(run_moat("diff", old, new, "--json").output)["gone"] == 1

    preview = preview_rollback(conn, import_file(folder / "a.csv", database).run_id)
    looked = json.loads(run_moat("rollback", old, "--dry-run", "--json").output)
    assert (looked["rows_gone"], looked["rows_passed"]) == (preview.rows_gone, preview.rows_passed) == (1, 1)
    assert f"to run {new}: 1 (inserted 1 -> 2, skipped 1 -> 0)" in run_moat("rollback", old, "--dry-run").output
    assert "--reason is missing" in str(run_moat("rollback", old).exception)

    assert f"would replace run {old}" in run_moat("import", str(corrected), "--replaces", old[:8]).output
    assert f"replaces run {old}" in run_moat("import", str(corrected), "--replaces", old[:8], "--commit").output
    assert active(conn) == {"Ada", "Cyd"}
    assert "one file" in str(run_moat("import", str(folder), "--replaces", new).exception)

    before = "the run was rolled back before"
    for choice in (("--dry-run",), ("--reason", "once more")):
        again = run_moat("rollback", old, *choice).output
        assert f"{before} when run {new} took its place" in again
        assert "moat release" not in again

    for choice in ("--commit", "--dry-run"):
        taken = run_moat("import", str(folder), choice)
        assert taken.return_value == 2
        assert f"run {old} of these bytes was rolled back" in taken.output
    assert active(conn) == {"Ada", "Cyd"}
    assert json.loads(run_moat("release", old, "--reason", "both are right", "--json").output)["released"] is True
    assert run_moat("import", str(folder), "--commit").return_value == 0
    assert active(conn) == {"Ada", "Ben", "Cyd"}
