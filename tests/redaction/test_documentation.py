"""docs/redaction.md says what is so: its examples run, its tables hold, its figures are those of the last benchmark."""

import doctest
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from number_spellings import bare

from plaintiff_moat.redaction import install, redact

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "redaction.md").read_text(encoding="utf-8")
BENCHMARK = (ROOT / "benchmarks" / "results" / "redaction.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OTHERS = ("structlog", "loguru")


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """What an example configures ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    install()()


def section(heading: str) -> list[list[str]]:
    """The cells of the rows of the first table below a heading, without its head."""
    below = PAGE.split(f"## {heading}\n", 1)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in below.splitlines() if line[:1] == "|"]
    head = next(at for at, row in enumerate(rows) if set(row[0]) <= set("-"))
    width = len(rows[head])
    return [row for row in rows[head + 1 :] if len(row) == width]


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n")[0][4:44])
def test_an_example_prints_what_the_page_says(example: str) -> None:
    """Each block runs, in the order of the page, with what the standard examples import."""
    for library in OTHERS:
        if f"import {library}" in example or f"from {library}" in example:
            pytest.importorskip(library)
    names = {"sys": __import__("sys"), "logging": logging}
    test = doctest.DocTestParser().get_doctest(example, names, "docs/redaction.md", None, 0)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert said == []


def test_every_form_that_the_page_calls_caught_is_caught() -> None:
    """As it is printed in the table, and as what its escapes stand for."""
    forms = [row[1].strip("`") for row in section("What is caught") if row[1]]
    assert len(forms) == 19
    assert [form for form in forms if bare(redact(form))] == []
    assert [form for form in forms if bare(redact(form.encode("latin-1").decode("unicode_escape")))] == []


def test_everything_that_the_page_calls_left_alone_is_left_alone() -> None:
    """The very same object comes back."""
    examples = [row[0].strip("`") for row in section("What is left alone, and why")]
    assert len(examples) >= 10
    assert [text for text in examples if redact(text) is not text] == []


@pytest.mark.parametrize("heading", ["Speed", "Social security numbers"])
def test_the_published_figures_are_those_of_the_last_run(heading: str) -> None:
    """Whoever runs the benchmark again also brings the page up to date."""
    measured = BENCHMARK.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in measured.splitlines() if line.startswith("|")]
    assert [row for row in rows if row not in PAGE] == []
