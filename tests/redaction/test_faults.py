"""What is said of exceptions, above all of those that PostgreSQL fills with row data."""

import traceback

import psycopg
import pytest
from psycopg import errors

from plaintiff_moat.redaction import SSN_TOKEN, describe_error
from plaintiff_moat.redaction.faults import safe_exception


def provoked(conn: psycopg.Connection, statement: str) -> psycopg.Error:
    """The error that the server answers to the statement, with one row in the table."""
    conn.execute("create temporary table landing (plaintiff text constraint one_of_each unique, ssn int)")
    conn.execute("insert into landing values ('Ann Plaintiff', 1)")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement)
    return caught.value


def test_a_unique_violation_is_told_by_its_names(conn: psycopg.Connection) -> None:
    """Type, SQLSTATE, constraint and table; the DETAIL quotes the row and is not told."""
    error = provoked(conn, "insert into landing values ('Ann Plaintiff', 2)")
    assert "Ann Plaintiff" in str(error)
    assert describe_error(error) == "UniqueViolation (SQLSTATE 23505, constraint one_of_each, table landing)"


def test_a_failed_cast_is_told_by_its_sqlstate(conn: psycopg.Connection) -> None:
    """The message quotes the cell, and names no column."""
    error = provoked(conn, "insert into landing values ('x', 'Ann Plaintiff'::text::int)")
    assert "Ann Plaintiff" in str(error)
    assert describe_error(error) == "InvalidTextRepresentation (SQLSTATE 22P02)"


def test_any_other_exception_is_told_with_its_redacted_message() -> None:
    """Type and message, or the type alone."""
    assert describe_error(ValueError("bad cell 123-45-6789")) == f"ValueError: bad cell {SSN_TOKEN}"
    assert describe_error(KeyError("123456789")) == f"KeyError: '{SSN_TOKEN}'"
    assert describe_error(TimeoutError()) == "TimeoutError"


def test_an_exception_that_cannot_be_read_is_told_by_its_type() -> None:
    """Describing never raises."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe_error(BrokenError()) == "BrokenError"


def test_a_safe_chain_is_the_very_same_exception() -> None:
    """Whoever looks at types and attributes of an innocent exception finds them."""
    error = ValueError("bad cell")
    error.__cause__ = KeyError("name")
    assert safe_exception(error) is error


def chain_of(last: BaseException, how: str) -> BaseException:
    """An exception that leads to the last one as a cause, as a context or within a group."""
    if how == "group":
        return ExceptionGroup("two chunks failed", [ValueError("one"), ExceptionGroup("of them", [last])])  # type: ignore[list-item]
    first = RuntimeError("landing failed")
    setattr(first, how, last)
    return first


@pytest.mark.parametrize("how", ["__cause__", "__context__", "group"])
@pytest.mark.parametrize("last", [errors.UniqueViolation("Ann Plaintiff"), ValueError("Ann 123-45-6789")], ids=type)
def test_no_link_of_a_chain_is_shown_unsafe(last: BaseException, how: str) -> None:
    """A twin of the chain is formatted by Python itself; types stay, texts are safe."""
    shown = "".join(traceback.format_exception(safe_exception(chain_of(last, how))))
    assert type(last).__name__ in shown
    assert "123-45-6789" not in shown
    assert ("Ann Plaintiff" in shown) is False
    assert ("SQLSTATE 23505" in shown) is isinstance(last, psycopg.Error)


def test_notes_are_redacted_and_those_of_database_errors_are_left_out() -> None:
    """A note is written beside a row."""
    error = ValueError("bad cell")
    error.add_note("SSN 123-45-6789")
    assert safe_exception(error).__notes__ == [f"SSN {SSN_TOKEN}"]
    violation = errors.UniqueViolation("x")
    violation.add_note("Ann Plaintiff")
    assert not hasattr(safe_exception(violation), "__notes__")


def test_a_chain_that_leads_back_to_itself_comes_to_an_end() -> None:
    """Contexts can be knotted by hand."""
    one, two = ValueError("123-45-6789"), ValueError("two")
    one.__context__, two.__context__ = two, one
    twin = safe_exception(one)
    assert str(twin) == SSN_TOKEN
    assert twin.__context__ is not None
    assert twin.__context__.__context__ is twin
