"""What an operator reads on a day when something went wrong: each sentence is true, and says what to know next."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from import_steps import active

from plaintiff_moat.attest import make_checkpoint
from plaintiff_moat.errors import DatabaseAway, RunFailed
from plaintiff_moat.importer import Importer, Progress, import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.connections import Connections
from plaintiff_moat.ledger.evidence import newest_checkpoint
from plaintiff_moat.preview import preview_file

CsvFile = Callable[..., Path]
RunMoat = Callable[..., Result]


def _history(run_moat: RunMoat, run: object) -> list[tuple[str, str | None]]:
    events = json.loads(run_moat("show", str(run), "--json").output)["events"]
    return [(event["event"], event["details"].get("status")) for event in events]


def test_a_file_that_was_undone_is_said_to_be_imported_again(
    database: Database, csv_file: CsvFile, run_moat: RunMoat
) -> None:
    """Replaced or rolled back: the dry run, the import and its line in a folder name the run, and why it was undone."""
    path = csv_file("a.csv", ["Ada"])
    old = import_file(path, database).run_id
    new = import_file(csv_file("b.csv", ["Bea"]), database, replaces=old).run_id
    assert f"would be imported again: run {old} of the same bytes was rolled back (replaced by run {new})" in (
        run_moat("import", str(path)).output
    )
    done = run_moat("import", str(path), "--commit").output
    assert f"  imported again: run {old} of the same bytes was rolled back (replaced by run {new})" in done
    again = import_file(path, database).run_id
    assert "again" not in run_moat("import", str(path), "--commit").output

    run_moat("rollback", str(again), "--reason", "wrong")
    run_moat("release", str(again), "--reason", "right")
    assert f"(again: run {again} was rolled back)" in run_moat("import", str(path.parent), "--commit").output


@pytest.mark.usefixtures("small_chunks")
def test_a_run_that_failed_is_said_to_be_continued(database: Database, csv_file: CsvFile, run_moat: RunMoat) -> None:
    """Dry run and import say that they go on with the run, and how much of it an earlier attempt had landed."""
    path = csv_file("a.csv", ["", *(f"P{number:03}" for number in range(59))])

    def interrupt(step: Progress) -> None:
        if step.done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, database, workers=1, on_progress=interrupt)
    run = preview_file(path, database).run_id
    assert f"--commit continues run {run}" in run_moat("import", str(path)).output
    said = run_moat("import", str(path), "--commit").output
    before = re.search(rf"completed: run {run}, continued by attempt 2: ([0-9]+) records were landed before\n", said)
    assert before
    assert 20 < int(before[1]) < 60
    assert re.search(r"\n  failed +1\n", said)
    told = (
        f"  of the {60 - int(before[1])} records that this attempt read (all that failed: moat show RUN --rejects):\n"
    )
    assert said.endswith(f"{told}    none failed\n" + said.splitlines(keepends=True)[-1])


def test_a_folder_names_what_it_left_and_a_dry_run_what_would_be(csv_file: CsvFile, run_moat: RunMoat) -> None:
    """Files that were not imported stand in the totals as well, and nothing that was not done is said to be done."""
    folder = csv_file("a.csv", ["Ada", "Ada"]).parent
    (folder / "bad.csv").write_text("no header that any mapping knows\n", encoding="utf-8")
    dry = run_moat("import", str(folder))
    assert "2 read, would be 1 inserted, 1 skipped, 0 failed" in dry.stdout
    assert "2 records read, would be 1 inserted, 1 skipped, 0 failed\n  not imported: bad.csv\n" in dry.stdout
    assert f"moat: {folder / 'bad.csv'}: " in dry.stderr
    assert "would be" not in run_moat("import", str(folder), "--commit").stdout


def test_files_named_one_by_one_are_told_like_those_of_a_folder(csv_file: CsvFile, run_moat: RunMoat) -> None:
    """Each error names its file, and the totals of all come at the end; a folder with nothing in it is told too."""
    first, second = csv_file("a.csv", ["Ada"]), csv_file("b.csv", ["Ben", "Cyd"])
    (first.parent / "empty").mkdir()
    run_moat("import", str(first), "--commit")
    run = json.loads(run_moat("runs", "--json").output)[0]["id"]
    run_moat("rollback", run, "--reason", "wrong")
    done = run_moat("import", str(first), str(second), str(first.parent / "empty"), "--commit")
    assert done.return_value == 2
    assert done.stderr.startswith(f"moat: {first}: ")
    assert done.stdout.splitlines() == [
        f"{first.parent / 'empty'}: no files of a kind that can be imported",
        "completed    b.csv  2 read, 2 inserted, 0 skipped, 0 failed",
        "3 paths: 1 completed, 1 not imported",
        "  2 records read, 2 inserted, 0 skipped, 0 failed",
        f"  not imported: {first}",
    ]


def test_rejects_of_one_kind_are_told_once(csv_file: CsvFile, run_moat: RunMoat) -> None:
    """A code, its sentence, and the lines that it is about."""
    path = csv_file("a.csv", ["Ada"], *([",x@example.com,CV-1,,,"] * 3))
    said = run_moat("import", str(path)).output
    assert said.count("MISSING_PLAINTIFF_NAME") == 1
    assert "      3 on lines 3, 4, 5\n" in said


def test_of_many_rejects_the_first_are_not_told_as_if_they_were_all(csv_file: CsvFile, run_moat: RunMoat) -> None:
    """Their number stands beside that of all, each code's by itself; a dry run has no run to look the others up in."""
    path = csv_file("a.csv", ["Ada"], *([",x@example.com,CV-1,,,"] * 22), *(["Ben,,,,soon,"] * 1_234))
    dry = run_moat("import", str(path)).output
    assert "  failed INVALID_DATE              1,234\n  failed MISSING_PLAINTIFF_NAME       22\n" in dry
    assert "  failed records, the first 20 of 1,256:\n" in dry
    assert "      20 of them on lines 3, 4, 5, " in dry
    done = run_moat("import", str(path), "--commit").output
    assert "  failed INVALID_DATE              1,234\n" in done
    assert "  failed records, the first 20 of 1,256 (all: moat show RUN --rejects):\n" in done


def test_a_rollback_says_what_went_and_what_passed_to_whom(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile, run_moat: RunMoat
) -> None:
    """Of three plaintiffs one is gone and two passed to two runs; a second rollback changes and tells nothing."""
    first = import_file(csv_file("a.csv", ["Ada", "Ben", "Cyd", "Cyd"]), database).run_id
    second = import_file(csv_file("b.csv", ["Ben"]), database).run_id
    third = import_file(csv_file("c.csv", ["Ben", "Cyd"]), database).run_id
    undone = json.loads(run_moat("rollback", str(first), "--reason", "wrong", "--json").output)
    assert (undone["rows_affected"], undone["rows_gone"]) == (4, 1)
    assert undone["passed"] == {str(second): 1, str(third): 1}
    assert active(conn) == {"Ben", "Cyd"}
    again = run_moat("rollback", str(first), "--reason", "wrong")
    assert "nothing has changed" in again.stderr
    assert "rows_gone" not in again.stdout
    said = run_moat("rollback", str(second), "--reason", "wrong").stdout
    assert f"  1 passed to run {third}\n" in said


def test_a_wrong_expectation_leaves_no_failure_on_a_run_that_holds(
    database: Database, csv_file: CsvFile, run_moat: RunMoat
) -> None:
    """`reconcile --expected` of a completed run says what was expected and found; the history says that it verified."""
    run = import_file(csv_file("a.csv", ["Ada", "Ben"]), database).run_id
    asked = run_moat("reconcile", str(run), "--expected", "3", "--json")
    assert asked.return_value == 3
    answer = json.loads(asked.stdout)
    assert (answer["is_valid"], answer["expected_count"], answer["actual_count"], answer["delta"]) == (False, 3, 2, -1)
    assert "--expected 3" in asked.stderr
    assert "with 2 records landed" in asked.stderr
    assert run_moat("reconcile", str(run), "--expected", "2").return_value == 0
    # and each event of an import says where the run stood after it
    assert _history(run_moat, run) == [
        ("claimed", None),
        ("completed", None),
        ("reconciled", "completed"),
        ("reconciled", "completed"),
        ("reconciled", "completed"),
    ]


def test_a_certificate_is_never_replaced(database: Database, csv_file: CsvFile, run_moat: RunMoat) -> None:
    """What was made of a run once stays, as a checkpoint does; the path is told as it was given."""
    run = str(import_file(csv_file("a.csv", ["Ada"]), database).run_id)
    kept = csv_file("kept.json", [])
    before = kept.read_bytes()
    for command in (("certificate", run), ("checkpoint",)):
        refusal = run_moat(*command, "-o", str(kept)).exception
        assert str(refusal).startswith(f"{kept}: expected a new file, found one")
    assert kept.read_bytes() == before


def test_a_checkpoint_whose_answer_was_lost_is_taken_once(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile
) -> None:
    """The question that is asked again meets the checkpoint that it made; the next question makes the next."""
    import_file(csv_file("a.csv", ["Ada"]), database)
    answers = []

    def lose_the_first_answer(conn: psycopg.Connection) -> int:
        answers.append(make_checkpoint(conn, since=since).number)
        if len(answers) == 1:
            raise DatabaseAway
        return answers[-1]

    with Connections(database) as ledger:
        since = ledger.do(newest_checkpoint)
        assert ledger.do(lose_the_first_answer) == answers[0]
        since = ledger.do(newest_checkpoint)
        assert ledger.do(lose_the_first_answer) == answers[0] + 1
    assert conn.execute("select count(*) from ingest.v_checkpoints").fetchone() == (2,)


def test_a_rollback_between_publication_and_its_answer_is_told(
    database: Database, conn: psycopg.Connection, csv_file: CsvFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The importer whose answer was lost does not speak of counts that agree, but of the rollback, with its reason."""
    path = csv_file("a.csv", ["Ada"])
    reconcile = IngestClaimClient.reconcile

    def lose_the_answer(client: IngestClaimClient, *arguments: object, **named: object) -> object:
        reconcile(client, *arguments, **named)
        IngestClaimClient(conn).rollback(arguments[0], "wrong file")
        return reconcile(client, *arguments, **named)

    monkeypatch.setattr(IngestClaimClient, "reconcile", lose_the_answer)
    with Importer(database) as importer, pytest.raises(RunFailed, match=r"was rolled back meanwhile.*: wrong file"):
        importer.import_file(path)
    assert active(conn) == set()


def test_a_file_that_is_known_under_another_mapping_is_said_to_be(run_moat: RunMoat, tmp_path: Path) -> None:
    """It is not taken in anew; what to do about it is said."""
    path, mapping = tmp_path / "week.csv", tmp_path / "mine.toml"
    path.write_text("Plaintiff Name,Jugdment Amount\nAda,5.00\n")
    assert run_moat("import", path, "--commit").return_value == 0
    run_moat("inspect", path, "-o", mapping)
    for options in ((), ("--commit",)):
        said = " ".join(run_moat("import", path, "--mapping", mapping, *options).output.split())
        assert "under another mapping; roll that one back to import the file under this one" in said
