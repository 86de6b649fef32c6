"""verify, checkpoint, certificate and trace as an auditor uses them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import openpyxl
import psycopg
import pytest

Moat = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def good(tmp_path: Path) -> str:
    """A good file of two records."""
    path = tmp_path / "good.csv"
    path.write_text("Plaintiff Name,Email,Case Number\nAda,ada@example.com,CV-1\nBen,ben@example.com,CV-2\n")
    return str(path)


@pytest.fixture
def run(moat: Moat, good: str) -> str:
    """A run of two records, Ada and Ben."""
    run_id: str = json.loads(moat("import", good, "--commit", "--json").stdout)["run_id"]
    return run_id


def test_the_life_of_evidence(moat: Moat, good: str, run: str, tmp_path: Path, conn: psycopg.Connection) -> None:
    """Verified, put under a checkpoint, certified, checked; then history is rewritten, and each of them shows it."""
    kept, pdf, text = (str(tmp_path / name) for name in ("kept.json", "run.pdf", "run.json"))
    assert moat("checkpoint", "-o", kept).returncode == 0
    again = moat("checkpoint", "-o", kept)
    assert (again.returncode, "never replaced" in again.stderr) == (2, True)
    held = moat("verify", run[:8], "--file", good, "--checkpoint", kept)
    assert (held.returncode, held.stdout.startswith("all holds: 1 run, 3 events")) == (0, True), held
    for target in (pdf, text):
        assert moat("certificate", run[:8], "-o", target).returncode == 0
        checked = moat("certificate", "--check", target, "--file", good, "--checkpoint", kept)
        assert (checked.returncode, f"the certificate of run {run} holds" in checked.stdout) == (0, True), checked

    conn.execute("alter table ingest.run_events disable trigger run_events_append_only")
    conn.execute("update ingest.run_events set actor = 'x' where seq = 2")
    found = json.loads(moat("verify", "--json").stdout)
    assert (found["holds"], found["finding"]["run"], found["finding"]["where"]) == (False, run, "event 2")
    broken = moat("verify", "--all", "--checkpoint", kept)
    assert (broken.returncode, f"run {run}, event 2: expected hash" in broken.stdout) == (1, True), broken
    assert moat("certificate", run).returncode == 1
    Path(text).write_text(Path(text).read_text(encoding="utf-8").replace('"read": 2', '"read": 3'), encoding="utf-8")
    checked = moat("certificate", "--check", text)
    assert (checked.returncode, "does not hold (REPETITION)" in checked.stdout) == (1, True), checked


def test_what_operators_did_is_certified_on_pages(moat: Moat, run: str, tmp_path: Path) -> None:
    """Runs that were reconciled, replaced, replayed and rolled back, by nobody's worker, are set in PDF, and check."""

    def taken(name: str, *arguments: str) -> str:
        return json.loads(moat("import", str(tmp_path / name), *arguments, "--commit", "--json").stdout)["run_id"]

    (tmp_path / "better.csv").write_text("Plaintiff Name,Email,Case Number\nAda,ada@example.com,CV-1\n,x@x.org,CV-3\n")
    assert moat("reconcile", run).returncode == 0
    better = taken("better.csv", "--replaces", run)
    assert moat("rejects", better, "-o", str(tmp_path / "back.csv")).returncode == 0
    (tmp_path / "back.csv").write_text((tmp_path / "back.csv").read_text().replace("\n,x@", "\nCyd,x@"))
    back = taken("back.csv", "--replays", better)
    assert moat("rollback", back, "--reason", "wrong name").returncode == 0
    assert moat("release", back, "--reason", "right after all").returncode == 0
    told = set()
    for certified in (run, better, back):
        pdf = str(tmp_path / f"{certified}.pdf")
        made = moat("certificate", certified, "-o", pdf)
        assert made.returncode == 0, made
        checked = moat("certificate", "--check", pdf)
        assert "holds: the pages are the rendering of the attached JSON" in checked.stdout, checked
        events = json.loads(moat("certificate", certified).stdout)["events"]
        told |= {event["event"] for event in events if event["worker_id"] is None}
    assert told >= {"reconciled", "rolled_back", "released"}
    Path(pdf).write_bytes(Path(pdf).read_bytes()[:-999])
    cut = moat("certificate", "--check", pdf)
    assert (cut.returncode, cut.stderr.startswith("moat: "), cut.stderr.count("\n")) == (2, True, 1), cut


def test_a_part_of_a_container_is_held_against_itself(moat: Moat, tmp_path: Path) -> None:
    """An untouched workbook opened at another sheet is a refusal that names the right one; a changed one is broken."""
    path, text = str(tmp_path / "week.xlsx"), str(tmp_path / "run.json")
    book = openpyxl.Workbook()
    book.active.append(["notes of the vendor, which are longer than what was imported from the other sheet" * 9])
    for row in (("Plaintiff Name", "Email"), ("Ada", "ada@example.com")):
        (book["List"] if "List" in book.sheetnames else book.create_sheet("List")).append(row)
    book.save(path)
    run = json.loads(moat("import", path, "--sheet", "List", "--commit", "--json").stdout)["run_id"]
    assert moat("certificate", run, "-o", text).returncode == 0
    for command in (("verify", run), ("certificate", "--check", text)):
        other = moat(*command, "--file", path)
        assert other.returncode == 2, other
        for told in ("it is the delivered file", "sheet 'List', 2 of 2", "found Excel workbook, sheet 'Sheet', 1 of 2"):
            assert told in other.stderr
        assert moat(*command, "--file", path, "--sheet", "List").returncode == 0
    Path(path).write_bytes(Path(path).read_bytes()[:-9])
    for command in (("verify", run), ("certificate", "--check", text)):
        changed = moat(*command, "--file", path)
        assert (changed.returncode, "does not hold (FILE_HASH)" in changed.stdout) == (1, True), changed


def test_a_record_is_traced_through_every_delivery(moat: Moat, good: str, run: str, tmp_path: Path) -> None:
    """A record leads to its file, chunk and lines, and to the deliveries that held it too, in order of publication."""
    second = tmp_path / "second.csv"
    second.write_text(
        Path(good).read_text(encoding="utf-8").replace("Ada,", '"Ada",') + ",x@example.com,CV-3\n", encoding="utf-8"
    )
    later = json.loads(moat("import", str(second), "--commit", "--json").stdout)["run_id"]
    traced = json.loads(moat("trace", "--row", f"{later[:8]}:1", "--json").stdout)
    origins = [(origin["import_run_id"], origin["row_number"], origin["status"]) for origin in traced["origins"]]
    assert origins == [(run, 1, "inserted"), (later, 1, "skipped")]
    first = traced["origins"][0]
    assert (first["filename"], first["line_start"], first["line_end"]) == ("good.csv", 2, 2)
    assert (first["byte_start"], first["byte_end"]) == (33, Path(good).stat().st_size)
    assert "Ada" not in json.dumps(traced)

    moat("rollback", run, "--reason", "wrong file")
    shown = moat("trace", "--key", traced["dedupe_key"])
    assert f"represented by row 1 of run {later}" in shown.stdout
    assert shown.stdout.index("rolled_back") < shown.stdout.index("inserted")
    assert "a reject (MISSING_PLAINTIFF_NAME)" in moat("trace", "--row", f"{later}:3").stdout
    for arguments in (("--row", f"{later}:9"), ("--row", "x"), ("--row", "zz:1"), ("--key", run), ()):
        assert moat("trace", *arguments).returncode == 2, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "nope"),
        ("verify", "--file", "{good}"),
        ("verify", "--checkpoint", "{good}"),
        ("verify", "--checkpoint", "missing.json"),
        ("certificate",),
        ("certificate", "nope"),
        ("certificate", "nope", "-o", "run.doc"),
        ("certificate", "--check", "{good}"),
        ("certificate", "--check", "missing.pdf"),
    ],
)
def test_bad_input_exits_2(moat: Moat, good: str, arguments: tuple[str, ...]) -> None:
    """What cannot be verified at all is refused in one line, and is no verdict."""
    outcome = moat(*(argument.format(good=good) for argument in arguments))
    assert outcome.returncode == 2, outcome
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr
