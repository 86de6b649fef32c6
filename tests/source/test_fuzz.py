"""A small sample of `make fuzz`."""

from fuzz import an_input, check


def test_files_at_random_are_refused_or_accounted_for(tmp_path):
    """Of every dialect and damage, said or found out, in chunks and with pauses: some are read, some are refused."""
    assert {check(tmp_path / "input.csv", an_input(seed=0, number=number)) for number in range(150)} == {True, False}
