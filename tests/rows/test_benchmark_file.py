"""The benchmark's generator: the same bytes for a seed, and the shares that it promises."""

import runpy
from pathlib import Path

import polars as pl
import pytest

from plaintiff_moat.delivery import open_delivery

generate = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "generate.py"))["generate"]


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    """And another seed gives others."""
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        generate(tmp_path / name, 500, seed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "again").read_bytes() != (tmp_path / "other").read_bytes()


def test_the_file_is_sound_and_holds_what_it_promises(tmp_path):
    """About 180 bytes a record, 2 % repeated, 0.5 % rejected, all of them for a value."""
    records = 20_000
    generate(tmp_path / "file.csv", records, 1)
    delivery = open_delivery(tmp_path / "file.csv", source_system="simplicity")
    frame = pl.concat([delivery.rows(chunk) for chunk in delivery.scan.chunks])
    keys = frame["dedupe_key"].drop_nulls()
    assert frame.height == records
    assert (tmp_path / "file.csv").stat().st_size / records == pytest.approx(180, rel=0.1)
    assert 1 - keys.n_unique() / len(keys) == pytest.approx(0.02, rel=0.2)
    assert frame["error_code"].is_not_null().mean() == pytest.approx(0.005, rel=0.3)
    assert set(frame["error_code"].drop_nulls()) == {"MISSING_PLAINTIFF_NAME", "INVALID_AMOUNT", "INVALID_DATE"}


@pytest.mark.parametrize("records", [0, 1])
def test_small_files_have_their_header(tmp_path, records):
    """A file of no records is a header."""
    generate(tmp_path / "small.csv", records, 1)
    assert len((tmp_path / "small.csv").read_text(encoding="utf-8").splitlines()) >= 1 + records


def test_the_next_delivery_changes_a_share_of_the_records(tmp_path: Path) -> None:
    """With the same seed, one record in ten has another index number and the others are the same."""
    for name, changed in (("monday.csv", 0.0), ("tuesday.csv", 0.1)):
        generate(tmp_path / name, 1_000, 1, changed)
    monday, tuesday = (pl.read_csv(tmp_path / name, infer_schema=False) for name in ("monday.csv", "tuesday.csv"))
    same = (monday["Index Number"] == tuesday["Index Number"]).sum()
    assert 850 < same < 950
    assert monday.drop("Index Number").equals(tuesday.drop("Index Number"))
