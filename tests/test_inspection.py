"""`moat inspect`: what a file is, said without a database and without writing."""

import gzip
import json

import pytest
from click.testing import CliRunner

from plaintiff_moat.cli.main import moat
from plaintiff_moat.delivery import open_delivery
from plaintiff_moat.errors import BadInput
from plaintiff_moat.inspection import inspect_file
from plaintiff_moat.rows import load_mapping

FILE = """Export of the 5th of May
\r
Plaintif Name;Case Number;Phone No;SSN;Remarks\r
José Núñez;24-1;;078-05-1120;x\r
Plaintif Name;Case Number;Phone No;SSN;Remarks\r
;24-2;;;\r
Acme "x;24-3;;;\r
Grand total;3;;;\r
2 records\r
""".encode("cp1252")


def inspected(tmp_path, *arguments, content=FILE, home="/nonexistent"):
    """Run `moat inspect` on a file where no database can be."""
    (tmp_path / "acme.csv").write_bytes(content)
    environment = {"MOAT_DATABASE_URL": "postgresql://nowhere.invalid/", "MOAT_HOME": str(home)}
    return CliRunner().invoke(moat, ["inspect", str(tmp_path / "acme.csv"), *arguments], env=environment)


def test_an_inspection_says_what_a_file_is(tmp_path):
    """Dialect, header, columns with confidence and fill rate, and problems by code; no value is shown."""
    result = inspected(tmp_path, "--json")
    found = json.loads(result.stdout)
    assert found["dialect"] == {"delimiter": ";", "quote": '"', "encoding": "cp1252", "line_end": "\n"}
    assert (found["header_line"], found["records"]) == (3, 6)
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["Plaintif Name"]["canonical"] == "plaintiff_name"
    assert 0.7 <= columns["Plaintif Name"]["confidence"] < 1
    assert columns["Case Number"]["confidence"] == 1
    assert (columns["SSN"]["canonical"], columns["Remarks"]["canonical"]) == (None, None)
    assert columns["Phone No"]["filled"] == pytest.approx(1 / 6)
    assert found["problems"] == {
        "TOTALS_LINE": 2,
        "REPEATED_HEADER": 1,
        "MISSING_PLAINTIFF_NAME": 1,
        "BARE_QUOTE": 1,
    }
    shown = inspected(tmp_path).stdout
    assert "078-05-1120" not in result.stdout + shown
    assert "cp1252, semicolon" in shown


def test_the_proposed_mapping_is_ready_to_be_used(tmp_path):
    """What -o saves loads as a mapping and reads the file; a file that exists is never overwritten."""
    saved = tmp_path / "mapping.toml"
    assert inspected(tmp_path, "-o", str(saved)).exit_code == 2  # as an import without it is
    assert load_mapping(saved).spellings("plaintiff_name") == ("Plaintif Name",)
    with_it = inspect_file(tmp_path / "acme.csv", mapping=str(saved))
    assert (with_it.columns[0].confidence, with_it.refusal) == (1, None)
    before = saved.read_text()
    again = inspected(tmp_path, "-o", str(saved))
    assert isinstance(again.exception, BadInput)
    assert str(again.exception) == "mapping.toml: expected a new file, found one; name another"
    assert saved.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acme.csv", "mapping.toml"]


def test_a_header_of_another_table_is_refused_wherever_it_stands(tmp_path):
    """Without a blank line before it too: what follows would be read under the wrong columns."""
    path = tmp_path / "two.csv"
    path.write_bytes(b"Plaintiff Name,Case Number\nx,1\nCase Number,Plaintiff Name\n2,y\n")
    with pytest.raises(BadInput, match="header of another in line 3"):
        inspect_file(path)
    path.write_bytes(b"Plaintiff Name,Case Number\nx,1\n\nCourt,Judgment Amount\nz,2\n")
    with pytest.raises(BadInput, match="header of another in line 4"):
        inspect_file(path)


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ("Plaintiff Name,Case Number,Contact Email,Contact Email", "found one name for columns 3 and 4 "),
        ("Plaintiff Name,Case Number,Notes,Notes", "found one name for columns 3 and 4 "),
        ("Plaintiff Name,Case Number,,Notes", "found none for column 3 "),
        ("Plaintiff Name,Case Number,plaintiff name,Notes", "more than one column for plaintiff_name"),
    ],
)
def test_what_an_import_refuses_is_a_problem_and_the_rest_is_shown(tmp_path, header, refusal):
    """A header that an import refuses is told in the import's own words, with exit code 2, beside what was found."""
    content = f"{header}\nAcme,1,x,y\n".encode()
    (tmp_path / "acme.csv").write_bytes(content)
    with pytest.raises(BadInput) as refused:
        open_delivery(tmp_path / "acme.csv", source_system="manual")
    shown = inspected(tmp_path, content=content)
    assert refusal in str(refused.value)
    assert f"problem: an import refuses the file: {refused.value}\n" in shown.stdout
    assert "1 record of 4 columns;" in shown.stdout
    assert 'plaintiff_name = ["Plaintiff Name"]' in shown.stdout
    assert shown.exit_code == 2
    assert json.loads(inspected(tmp_path, "--json", content=content).stdout)["refusal"] == str(refused.value)


@pytest.mark.parametrize(
    ("header", "refusal", "problems"),
    [
        ("Plantiff Name,Case Number", "did you mean 'Plaintiff Name'?", {"MISSING_PLAINTIFF_NAME": 1}),
        ("Ann,24-1", "is the first line a header?", {}),
        ("Plaintiff Name,Judgment Amount,moat_reject", "say whose rejects come back", {"MISSING_PLAINTIFF_NAME": 1}),
    ],
)
def test_a_header_without_what_is_required_is_refused_as_the_import_refuses_it(tmp_path, header, refusal, problems):
    """Though the proposed mapping may cure it: its records are judged under that one."""
    path = tmp_path / "acme.csv"
    path.write_bytes(f"{header}\nBob,2{',' * (header.count(',') - 1)}\n,3{',' * (header.count(',') - 1)}\n".encode())
    with pytest.raises(BadInput) as refused:
        open_delivery(path, source_system="manual")
    found = inspect_file(path)
    assert refusal in str(refused.value)
    assert (found.refusal, found.problems) == (str(refused.value), problems)


def test_what_a_container_held_is_said(tmp_path):
    """As an import says it."""
    content = gzip.compress(FILE.replace(b"Plaintif ", b"Plaintiff "))
    shown = inspected(tmp_path, content=content, home=tmp_path / "home")
    assert "\n  out of gzip" in shown.stdout
    assert shown.exit_code == 0
