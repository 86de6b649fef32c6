"""The command line as an operator uses it: output, exit codes, and what a bad day looks like."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from plaintiff_moat import __version__
from plaintiff_moat.cli.summaries import outcomes
from plaintiff_moat.folder import Outcome
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.migrate import migrations
from plaintiff_moat.preview import preview_file

Moat = Callable[..., subprocess.CompletedProcess[str]]
GOOD = "Plaintiff Name,Email,Case Number\nAda,ada@example.com,CV-1\nBen,ben@example.com,CV-2\n"


@pytest.fixture
def good(tmp_path: Path) -> str:
    """A good file of two records."""
    path = tmp_path / "good.csv"
    path.write_text(GOOD, encoding="utf-8")
    return str(path)


def test_the_life_of_a_file(moat: Moat, good: str) -> None:
    """Dry run, import, duplicate, reconcile, show, roll back, import again: each says what it did and exits 0."""
    dry = moat("import", good)
    assert (dry.returncode, "dry run" in dry.stdout) == (0, True)
    assert json.loads(moat("runs", "--json").stdout) == []

    done = json.loads(moat("import", good, "--commit", "--json").stdout)
    expected = {"claim_status": "claimed", "status": "completed", "rows_fetched": 2, "rows_inserted": 2}
    assert expected.items() <= done.items()
    assert {"run_id", "file_hash", "rows_skipped", "rows_errored", "seconds"} <= done.keys()

    again = moat("import", good, "--commit")
    assert (again.returncode, "duplicate" in again.stdout) == (0, True)

    run = done["run_id"]
    reconciled = moat("reconcile", run, "--json")
    assert (reconciled.returncode, json.loads(reconciled.stdout)["is_valid"]) == (0, True)
    assert moat("reconcile", run, "--expected", "3").returncode == 3

    shown = json.loads(moat("show", run[:8], "--json").stdout)
    events = [event["event"] for event in shown["events"]]
    assert events == ["claimed", "completed", "reconciled", "duplicate_blocked", "reconciled", "reconciled"]

    undone = json.loads(moat("rollback", run, "--reason", "wrong file", "--json").stdout)
    assert (undone["success"], undone["rows_affected"]) == (True, 2)
    assert json.loads(moat("import", good, "--commit", "--json").stdout)["claim_status"] == "claimed"
    assert [run["status"] for run in json.loads(moat("runs", "--json").stdout)] == ["completed", "rolled_back"]


def test_a_summary_says_which_column_is_taken_and_which_lines_are_lost(moat: Moat, tmp_path: Path) -> None:
    """A column that is known but outdone is told from an unknown one, and a record of two lines has lines."""
    path = tmp_path / "two.csv"
    path.write_text('Plaintiff Name,Claimant,Zodiac\nAda,Eve,Leo\n"Ben\nBen",Eve\n', encoding="utf-8")
    shown = moat("import", str(path)).stdout
    assert "columns that the mapping does not know, kept in extra: Zodiac\n" in shown
    assert "another one is taken, kept in extra: Claimant (Plaintiff Name fills it)\n" in shown
    assert "1 on lines 3-4\n" in shown


def test_a_continued_run_says_where_its_list_of_failed_records_may_go_on(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it is full; a shorter one holds all that failed in this attempt."""
    path = tmp_path / "many.csv"
    path.write_text("Plaintiff Name,Amount\n" + "Ada,n/a\n" * 25, encoding="utf-8")
    dry = preview_file(path, database)
    summary = replace(dry, dry_run=False, rows_fetched=100, rows_errored=30, landed_before=50, attempt=2)
    with outcomes([str(path)], is_alone=True, as_json=False) as show:
        show(Outcome(path, summary, None))
        full = capsys.readouterr().out
        show(Outcome(path, replace(summary, first_rejects=summary.first_rejects[:19]), None))
    assert "failed records, the first 20 (all: moat show RUN --rejects):" in full
    assert "failed records:" in capsys.readouterr().out


def test_a_file_that_another_worker_has_exits_1(moat: Moat, good: str, conn: psycopg.Connection) -> None:
    """The answer to a delivery that somebody holds is `in progress` and exit 1."""
    dry = json.loads(moat("import", good, "--json").stdout)
    conn.execute(
        "select ingest.claim_import_run('manual', %s, %s, 'good.csv', 'plaintiff', 'somebody')",
        [dry["batch_id"], dry["file_hash"]],
    )
    refused = moat("import", good, "--commit")
    assert (refused.returncode, "in progress" in refused.stdout) == (1, True)
    run = json.loads(moat("runs", "--json").stdout)[0]["id"]
    assert moat("reconcile", run).returncode == 1


def test_one_bad_file_stops_no_other(moat: Moat, good: str, tmp_path: Path) -> None:
    """Each file has its object of JSON, the good ones are imported, and the exit code is the worst."""
    outcome = moat("import", str(tmp_path / "missing.csv"), good, "--commit", "--json")
    missing, done = (json.loads(line) for line in outcome.stdout.splitlines())
    assert (missing["filename"], missing["error"], missing["run_id"]) == ("missing.csv", "BadInput", None)
    assert done["status"] == "completed"
    assert outcome.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "missing.csv"),
        ("import", "/dev/null"),
        ("import", "{good}", "--mapping", "nope"),
        ("import", "{good}", "--db", "postgresql://127.0.0.1:9/moat"),
        ("import", "{good}", "--db", "not a url"),
        ("import", "{good}", "--commit", "--limit", "1"),
        ("import",),
        ("show", "nope"),
        ("rollback", "00000000"),
        ("nonsense",),
        ("db", "push", "--supabase-env", "prod"),
    ],
)
def test_a_refusal_is_one_clear_line_and_exit_2(moat: Moat, good: str, arguments: tuple[str, ...]) -> None:
    """Bad usage, input or configuration exits 2, says why in the last line of stderr, and shows no traceback."""
    outcome = moat(*(argument.format(good=good) for argument in arguments))
    assert outcome.returncode == 2, outcome
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr
    assert outcome.stderr.strip()


def test_an_unmigrated_database_exits_2_and_push_cures_it(moat: Moat, good: str, blank_db_url: str) -> None:
    """An import names the cure, `moat db push` applies the migrations once, and the import then works."""
    refused = moat("import", good, "--commit", "--db", blank_db_url)
    assert (refused.returncode, "moat db push" in refused.stderr) == (2, True)
    pushed = moat("db", "push")
    assert "nothing to apply" in pushed.stdout
    asked = moat("db", "push", "--supabase-env", "prod", SUPABASE_DB_URL_PROD=blank_db_url)
    assert (asked.returncode, asked.stdout) == (2, "")
    planned = moat("db", "push", "--dry-run", "--supabase-env", "prod", SUPABASE_DB_URL_PROD=blank_db_url)
    assert (planned.returncode, planned.stdout.count("would apply")) == (0, len(migrations()))
    with psycopg.connect(blank_db_url) as conn:
        assert conn.execute("select to_regnamespace('ingest'), to_regnamespace('supabase_migrations')").fetchone() == (
            None,
            None,
        )
    applied = moat("db", "push", "--supabase-env", "prod", "--force", SUPABASE_DB_URL_PROD=blank_db_url)
    assert (applied.returncode, applied.stdout.count("applied")) == (0, len(migrations()))
    assert moat("import", good, "--commit", "--db", blank_db_url).returncode == 0


def test_no_ssn_of_a_name_reaches_the_terminal(moat: Moat, tmp_path: Path) -> None:
    """A social security number in a file's name, a header or a bad cell is in no output."""
    path = tmp_path / "export 078-05-1120.csv"
    path.write_text("Plaintiff Name,219-09-9999,Amount\nAda,x,078-05-1120\n,x,1\n", encoding="utf-8")
    for options in (["--json"], ["--commit"], ["--commit", "--json", "--verbose"]):
        outcome = moat("import", str(path), *options)
        assert outcome.returncode == 0
        shown = outcome.stdout + outcome.stderr
        assert "078-05-1120" not in shown
        assert "219-09-9999" not in shown


def test_no_ssn_of_a_path_reaches_the_terminal(moat: Moat, tmp_path: Path) -> None:
    """A social security number in any path that was typed is in no output and in no certificate, refused or not."""
    file, mapping = tmp_path / "m-219-09-9999.csv", tmp_path / "m-219-09-9999.toml"
    file.write_text("Plaintiff Name,Case Number\nAda,1\n,2\n", encoding="utf-8")
    missing, made = str(tmp_path / "no-219-09-9999"), str(tmp_path / "219-09-9999.json")
    outcomes = [
        moat("inspect", str(file), "-o", str(mapping)),
        moat("inspect", str(file), "-o", str(mapping)),
        moat("import", str(file), "--commit", "--mapping", str(mapping), "--batch-id", "b"),
        moat("import", str(file), "--mapping", missing),
    ]
    run = json.loads(moat("runs", "--json").stdout)[0]["id"]
    outcomes += [moat("rejects", run, "-o", made), moat("rejects", run, "-o", made), moat("checkpoint", "-o", made)]
    certificate = str(tmp_path / "certificate-219-09-9999.json")
    outcomes += [
        moat("certificate", run, "-o", certificate),
        moat("certificate", run, "-o", certificate),
        moat("certificate", "--check", certificate, "--file", str(file)),
        moat("certificate", "--check", certificate, "--file", str(mapping)),
        moat("verify", run, "--file", str(file)),
        moat("verify", run, "--file", str(file), "--checkpoint", missing),
        moat("show", run),
    ]
    assert [outcome.returncode for outcome in outcomes] == [0, 2, 0, 2, 0, 2, 2, 0, 2, 0, 1, 0, 2, 0]
    assert "219-09-9999" not in "".join(outcome.stdout + outcome.stderr for outcome in outcomes)
    assert "219-09-9999" not in Path(certificate).read_text(encoding="utf-8")


def test_psql_opens_on_the_database(moat: Moat) -> None:
    """`moat db psql` hands its arguments to psql."""
    outcome = moat("db", "psql", "--", "-Atc", "select count(*) from ingest.v_runs")
    assert (outcome.returncode, outcome.stdout) == (0, "0\n")


def test_version(moat: Moat) -> None:
    """`moat version` prints the package's version."""
    assert moat("version").stdout == f"{__version__}\n"


def said_without(modules: set[str], *arguments: str) -> str:
    """What the command says on a process of its own, which ends well and has none of these modules loaded."""
    script = (
        "import sys; import plaintiff_moat.cli as cli\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"loaded = {modules!r} & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    outcome = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def test_help_loads_nothing_heavy() -> None:
    """`moat --help` answers without the frames, the driver, or the embedded server being loaded."""
    assert "rollback" in said_without({"polars", "psycopg", "numpy", "rich", "phonenumbers"}, "--help")


def test_a_duplicate_loads_nothing_to_read_with(moat: Moat, db_url: str, good: str) -> None:
    """What is imported already costs its hash: half of what `moat import` has to load is for reading records."""
    assert moat("import", good, "--commit").returncode == 0
    heavy = {"polars", "numpy", "phonenumbers", "plaintiff_moat.delivery"}
    assert "duplicate" in said_without(heavy, "import", good, "--commit", "--db", db_url)


def test_the_embedded_server_is_the_default(tmp_path: Path, moat_home: Path, good: str) -> None:
    """Without any URL the first import makes a database under MOAT_HOME, which stop and start keep."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "plaintiff_moat", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    first = run("import", good, "--commit", "--json")
    assert json.loads(first.stdout)["status"] == "completed", first.stderr
    assert (moat_home / "postgres").exists()
    url = run("db", "url").stdout.strip()
    with psycopg.connect(url) as conn:
        assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (2,)
    assert json.loads(run("db", "status", "--json").stdout)["running"] is True
    assert run("db", "stop").returncode == 0
    assert json.loads(run("db", "status", "--json").stdout)["running"] is False
    assert json.loads(run("import", good, "--commit", "--json").stdout)["claim_status"] == "duplicate"


def test_control_totals_by_option_and_manifest(moat: Moat, tmp_path: Path) -> None:
    """Both are held against the file; what does not hold exits 2 and says what was found; a manifest is no delivery."""
    path = tmp_path / "a.csv"
    path.write_text(
        "Plaintiff Name,Email,Amount\nAda,a@example.com,$1.25\nBen,b@example.com,(0.30)\n", encoding="utf-8"
    )
    named = ("import", str(path), "--commit")
    refused = moat(*named, "--expect-rows", "2", "--expect-total", "1.25")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expected a total amount of 1.25, found 0.95 (difference -0.30)" in refused.stderr
    Path(f"{path}.manifest.json").write_text('{"rows": 2, "total_amount": 0.95}', encoding="utf-8")
    assert "control totals hold: 2 records, total amount 0.95" in moat("import", str(path)).stdout
    assert moat(*named, "--expect-total", "0.94").returncode == 2
    done = json.loads(moat("import", f"{tmp_path}/*", "--commit", "--json").stdout)
    assert (done["total_amount"], done["control_totals"]["found_total"]) == ("0.95", "0.95")
    shown = json.loads(moat("show", done["run_id"], "--json").stdout)
    assert (shown["control_rows"], shown["control_total"], shown["found_total"]) == (2, "0.95", "0.95")
    for arguments in (("--expect-total", "1.005"), ("--expect-rows", "-1")):
        assert moat(*named, *arguments).returncode == 2
    assert moat("import", str(tmp_path), "--expect-rows", "2").returncode == 2


def test_strict_refuses_a_file_that_lost_a_column(moat: Moat, good: str, tmp_path: Path) -> None:
    """Without it the summary warns; with it the exit code is 2 and nothing is active."""
    assert moat("import", good, "--commit", "--strict").returncode == 0
    path = tmp_path / "lost.csv"
    path.write_text("Plaintiff Name,Email\nCyd,cyd@example.com\n", encoding="utf-8")
    refused = moat("import", str(path), "--commit", "--strict")
    assert (refused.returncode, "COLUMN_MISSING Case Number" in refused.stderr) == (2, True)
    taken = moat("import", str(path), "--commit")
    assert (taken.returncode, "unlike earlier files, COLUMN_MISSING: Case Number:" in taken.stdout) == (0, True)
