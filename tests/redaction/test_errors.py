"""Errors: whoever calls this project from Python may log what they say."""

from pathlib import Path

import pytest

from plaintiff_moat.errors import BadMapping, MoatError
from plaintiff_moat.importer import import_file


def test_what_an_error_quotes_is_redacted() -> None:
    """A name of a file, a mapping, a sheet: whatever a caller gave may be a number that identifies somebody."""
    for number, token in (("219-09-9999", "[SSN_REDACTED]"), ("4111 1111 1111 1111", "[CARD_REDACTED]")):
        for kind in MoatError, BadMapping:
            assert str(kind(f"{number}.csv: expected a file")) == f"{token}.csv: expected a file"


def test_errors_about_what_is_not_there_are_redacted(tmp_path: Path, db_url: str) -> None:
    """No file of this name, no mapping of this name: neither is said in clear."""
    file = tmp_path / "219-09-9999.csv"
    with pytest.raises(MoatError) as missing:
        import_file(file, database=db_url)
    file.write_text("Plaintiff Name\nAda\n")
    with pytest.raises(MoatError) as unknown:
        import_file(file, mapping="219-09-9999", database=db_url)
    for caught in missing, unknown:
        assert "219-09-9999" not in str(caught.value)
        assert "[SSN_REDACTED]" in str(caught.value)
