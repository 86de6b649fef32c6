"""A delivered container gives the rows of the plain file, under the hash of the delivered bytes."""

import gzip
import json
import os
import signal
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import openpyxl
import polars as pl
import psycopg
import pytest
from import_steps import everything

from plaintiff_moat.audit import verify
from plaintiff_moat.containers.unpack import unpacked
from plaintiff_moat.errors import BadInput
from plaintiff_moat.identify import compute_file_hash
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.preview import preview_file
from plaintiff_moat.source import Reading
from plaintiff_moat.spool import Spool

HEADER = ("Plaintiff Name", "Email", "Index Number", "Judgment Amount", "Judgment Date", "Zip")
RECORDS = [("Ann", "ann@example.com", "0017", "1000.5", "2024-05-01", "02134"), ("Bob", "", "CV-2", "7", "", "10001")]


def _delivered(folder: Path, ending: str) -> Path:
    text = "\r\n".join(",".join(row) for row in (HEADER, *RECORDS)).encode()
    path = folder / f"week.{ending}"
    if ending == "csv.gz":
        path.write_bytes(gzip.compress(text))
    elif ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("week.csv", text)
            archive.writestr("notes.csv", "no header that any mapping knows\n")
    elif ending == "xlsx":
        book = openpyxl.Workbook()
        for row in (HEADER, *RECORDS):
            book.active.append(row)
        book.active["D2"], book.active["D3"] = 1000.5, 7
        book.save(path)
    elif ending == "parquet":
        pl.DataFrame(RECORDS, schema=HEADER, orient="row").write_parquet(path)
    else:
        path.write_bytes(text)
    return path


def test_a_container_lands_the_rows_of_the_plain_file(
    database: Database, conn: psycopg.Connection, tmp_path: Path, moat_home: Path
) -> None:
    """Cell by cell the same records; the run has the container's hash, and nothing stays in the spool."""
    landed = "select plaintiff_name, contact_email, case_reference, judgment_amount, judgment_date, postal_code"
    rows = []
    for ending in ("csv", "csv.gz", "zip", "xlsx", "parquet"):
        path = _delivered(tmp_path, ending)
        reading = Reading(member="week.csv" if ending == "zip" else None)
        dry = preview_file(path, database, reading=reading)
        done = import_file(path, database, reading=reading)
        assert (done.rows_fetched, done.rows_errored, dry.container) == (2, 0, done.container)
        assert done.batch_id == ("manual-week-1-week.csv" if ending == "zip" else "manual-week")
        run = conn.execute("select file_hash, reader_fingerprint from ingest.import_runs where id = %s", [done.run_id])
        file_hash, fingerprint = run.fetchone()
        assert file_hash == compute_file_hash(path)
        assert (done.container or "with") in fingerprint
        query = f"{landed} from ingest.landed_rows where run_no = ingest._run_no(%s) order by row_number"
        assert verify(conn, done.run_id, file=path, content=partial(unpacked, path, member=reading.member)).holds
        if done.container is not None:
            content = unpacked(path, member=reading.member)
            content.path.write_bytes(content.path.read_bytes().replace(b"Bob", b"Bab"))
            finding = verify(conn, done.run_id, file=path, content=lambda content=content: content).finding
            assert (finding.check, finding.where.endswith(f"of the text in {path.name}")) == ("CHUNK_DIGEST", True)
        rows.append(conn.execute(query, [done.run_id]).fetchall())
    assert rows[0][0][2] == "0017"
    assert rows == [rows[0]] * 5
    assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (2,)
    assert list((moat_home / "spool").iterdir()) == []


def _of_two_parts(folder: Path, ending: str) -> tuple[Path, list[Reading]]:
    path = folder / f"many.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, record in zip(("week/a.csv", "week/b.csv"), RECORDS, strict=True):
                archive.writestr(name, "\n".join(",".join(row) for row in (HEADER, record)))
        return path, [Reading(member="week/b.csv"), Reading(member="week/a.csv")]
    book = openpyxl.Workbook()
    for sheet, record in zip((book.active, book.create_sheet("Two")), RECORDS, strict=True):
        sheet.append(HEADER)
        sheet.append(record)
    book.save(path)
    return path, [Reading(sheet="Two"), Reading()]


@pytest.mark.parametrize("ending", ["zip", "xlsx"])
def test_each_part_is_a_delivery_of_its_own(
    database: Database, conn: psycopg.Connection, tmp_path: Path, ending: str
) -> None:
    """Two parts are two batches, each taken once; under one batch id given for both the second is refused."""
    path, parts = _of_two_parts(tmp_path, ending)
    for take in (preview_file, import_file):
        told = [take(path, database, reading=part) for part in parts]
        assert [summary.rows_inserted for summary in told] == [1, 1]
        assert len({summary.batch_id for summary in told}) == 2
    assert [import_file(path, database, reading=part).claim_status for part in parts] == ["duplicate"] * 2
    assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (2,)

    first = import_file(path, database, reading=parts[0], batch_id="both").run_id
    written = everything(conn)
    for take in (preview_file, import_file):
        with pytest.raises(BadInput, match=rf"run {first} .* another part .* give this part a batch id of its own"):
            take(path, database, reading=parts[1], batch_id="both")
    assert everything(conn) == written


def test_the_only_sheet_with_data_keeps_the_batch_id_of_the_file(database: Database, tmp_path: Path) -> None:
    """Excel's empty sheets are no parts."""
    book = openpyxl.Workbook()
    for row in (HEADER, *RECORDS):
        book.create_sheet("Data") if len(book.sheetnames) == 1 else None
        book["Data"].append(row)
    book.save(tmp_path / "book.xlsx")
    assert preview_file(tmp_path / "book.xlsx", database, reading=Reading(sheet="Data")).batch_id == "manual-book"


def test_a_refused_container_leaves_nothing(database: Database, tmp_path: Path, moat_home: Path) -> None:
    """What cannot be mapped is refused under the delivered file's name, and its text is removed."""
    path = _delivered(tmp_path, "zip")
    with pytest.raises(BadInput, match=r"^week\.zip: "):
        preview_file(path, database, reading=Reading(member="notes.csv"))
    assert list((moat_home / "spool").iterdir()) == []


def test_the_command_line_takes_a_folder_of_them(db_url: str, tmp_path: Path) -> None:
    """Files are found by their endings, and each summary says what it was taken out of."""
    for ending in ("csv.gz", "xlsx", "parquet"):
        _delivered(tmp_path, ending)
    (tmp_path / "~$week.xlsx").write_bytes(b"what Excel keeps beside an open workbook")
    arguments = [sys.executable, "-m", "plaintiff_moat", "import", str(tmp_path), "--json", "--sheet", "Sheet"]
    done = subprocess.run(
        arguments, env=os.environ | {"MOAT_DATABASE_URL": db_url}, capture_output=True, text=True, check=False
    )
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [summary.get("container") for summary in shown] == [None, None, "Excel workbook, sheet 'Sheet', 1 of 1"]
    assert done.stderr.count("leave --sheet out") == 2


def test_the_spool_of_a_killed_process_is_removed_by_the_next(moat_home: Path) -> None:
    """A spool lives as long as its process, and no longer."""
    code = (
        "import sys, time; from plaintiff_moat.spool import Spool; s = Spool(); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        (left,) = [path for path in (moat_home / "spool").iterdir() if path.is_dir()]
        Spool().close()
        assert left.is_dir()
        process.send_signal(signal.SIGKILL)
        process.wait()
    Spool().close()
    assert list((moat_home / "spool").iterdir()) == []
