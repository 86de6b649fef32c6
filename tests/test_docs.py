"""What the documentation shows is true."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plaintiff_moat.cli.main import moat
from plaintiff_moat.rows import CANONICAL_COLUMNS, load_mapping

ROOT = Path(__file__).parents[1]
_RUN = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


def text(name: str) -> str:
    """A page of the documentation."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_example_mapping_loads(tmp_path: Path) -> None:
    """The mapping of docs/mappings.md is one, and the page names every canonical column."""
    page = text("docs/mappings.md")
    path = tmp_path / "acme.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    bound = load_mapping(path).bind(("Creditor", "Mail", "CASE-#", "Awarded", "On", "Debtor Tax No"))
    assert {name for name, _ in bound.columns} == {
        "plaintiff_name", "contact_email", "case_reference", "judgment_amount", "judgment_date",
    }  # fmt: skip
    assert bound.sensitive == {5}
    assert all(f"`{column}`" in page for column in CANONICAL_COLUMNS)


def test_the_readme_names_commands_that_exist() -> None:
    """Every `moat …` that README and runbook name is a command, with the options shown."""
    shown = re.findall(
        r"`moat ([a-z]+)(?: ([a-z]+))?", text("README.md") + text("docs/runbook.md") + text("docs/evidence.md")
    )
    runner = CliRunner()
    for command, sub in {(command, sub if command == "db" else "") for command, sub in shown}:
        assert runner.invoke(moat, [command, *([sub] if sub else []), "--help"]).exit_code == 0, (command, sub)
    for option in re.findall(r"\[(--[a-z-]+)", text("README.md")):
        assert any(
            option in runner.invoke(moat, [name, "--help"]).output
            for name in ("import", "reconcile", "verify", "checkpoint")
        ), option


def test_the_readme_shows_what_is_printed(run_moat: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first example, run as it stands, but for the run's id, seconds, and what an ellipsis leaves out."""
    monkeypatch.chdir(ROOT)
    block = re.search(r"```console\n(\$ moat import .*?)```", text("README.md"), re.DOTALL)[1]
    shown_run = run = re.search(_RUN, block)[0]
    for example in block.split("$ moat ")[1:]:
        command, shown = example.split("\n", 1)
        printed = run_moat(*shlex.split(command.replace(shown_run[:8], run[:8]))).stdout
        run = re.search(_RUN, printed)[0]
        pattern = re.sub(r"[0-9]+\\\.[0-9]{2}(?=\\ s)", "[0-9.]+", re.escape(shown.strip().replace(shown_run, run)))
        pattern = pattern.replace(re.escape("    …\n"), "(?:.*\n)*").replace("…", ".*")
        assert re.fullmatch(pattern, printed.strip()), printed


def test_the_migrations_hold_no_transaction_of_their_own() -> None:
    """A push wraps each file in one transaction: a `commit` inside would let half of it stay."""
    for path in sorted((ROOT / "supabase" / "migrations").glob("*.sql")):
        statements = re.sub(r"\$\$.*?\$\$|--[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"(?mi)^\s*(begin|commit|rollback|start transaction)\s*;", statements), path.name


def test_no_module_passes_four_hundred_lines() -> None:
    """A file that nobody wants to open is cut before it exists."""
    code = [*ROOT.glob("plaintiff_moat/**/*.py"), *ROOT.glob("supabase/migrations/*.sql")]
    assert {path.name for path in code if len(path.read_text(encoding="utf-8").splitlines()) > 400} == set()
