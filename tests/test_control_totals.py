"""What a vendor says of a file holds to the record and to the cent, or nothing of the file is published."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from import_steps import active, everything

from plaintiff_moat.attest import make_certificate
from plaintiff_moat.audit import verify
from plaintiff_moat.errors import BadInput, ControlTotalMismatch, RunFailed
from plaintiff_moat.evidence.certificates import check_certificate
from plaintiff_moat.evidence.pdf import render
from plaintiff_moat.expected import Expected
from plaintiff_moat.identify import compute_file_hash
from plaintiff_moat.importer import import_file
from plaintiff_moat.intake import Intake
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.preview import preview_file

# two valid records, a duplicate of one of them, and rejects: negative amounts, no name, no amount, a cell too few
LINES = (
    "Eve,eve@example.com,CV-7,(12.00),,",
    ",nobody@example.com,CV-9,$0.07,,",
    "Fay,fay@example.com,CV-8,N/A,,",
    'Gus,gus@example.com,CV-5,12.00,"5/1/2024"',
)
ROWS, TOTAL = 7, Decimal("2989.57")


@pytest.fixture
def delivery(csv_file: Callable[..., Path]) -> Path:
    """The file of these lines."""
    return csv_file("a.csv", ["Ada", "Ben", "Ada"], *LINES)


def manifest(path: Path, content: object) -> None:
    """Puts a manifest beside the file."""
    text = content if isinstance(content, str) else json.dumps(content)
    Path(f"{path}.manifest.json").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("small_chunks")
def test_totals_that_hold_stand_everywhere(database: Database, conn: psycopg.Connection, delivery: Path) -> None:
    """Every record counts, duplicates and rejects too: summary, run, events, certificate and verify say so."""
    file_hash = compute_file_hash(delivery)
    manifest(delivery, {"rows": ROWS, "sha256": file_hash.upper(), "total_amount": "$2,989.57"})
    summary = import_file(delivery, database)
    totals = summary.control_totals
    assert summary.status == "completed"
    assert (totals.rows, totals.found_rows, totals.total, totals.found_total) == (ROWS, ROWS, TOTAL, TOTAL)
    assert (totals.sha256, totals.unread_amounts, summary.total_amount) == (file_hash, 2, TOTAL)

    stored = conn.execute(
        "select control_rows, control_total, control_sha256, found_total from ingest.v_runs where id = %s",
        [summary.run_id],
    ).fetchone()
    assert stored == (ROWS, TOTAL, file_hash, TOTAL)

    made = make_certificate(conn, summary.run_id)
    assert made.document["control_totals"] == {
        "rows": ROWS,
        "sha256": file_hash,
        "total_amount": "2,989.57",
        "found_rows": ROWS,
        "found_total_amount": "2,989.57",
    }
    assert check_certificate(made).finding is None
    assert render(made.text).startswith(b"%PDF")
    assert verify(conn).holds

    assert import_file(delivery, database).claim_status == "duplicate"
    before = everything(conn)[:4]
    published = f"run {summary.run_id} of this file is published already, does not agree with what is expected"
    for wrong in ({"total_amount": 2989.58}, {"rows": ROWS + 1}, {"sha256": "0" * 64}):
        manifest(delivery, wrong)
        for take in (import_file, preview_file):
            with pytest.raises(ControlTotalMismatch, match=published) as refusal:
                take(delivery, database)
            assert "nothing was" not in str(refusal.value)
    assert everything(conn)[:4] == before


def test_a_line_that_states_the_total_is_in_no_sum(database: Database, csv_file: Callable[..., Path]) -> None:
    """Neither is a repeated header: both are rejects, and no total is doubled, no amount told of as unread."""
    header = "Plaintiff Name,Email,Index Number,Judgment Amount,Judgment Date,Notes"
    path = csv_file("a.csv", ["Ada", "Ben"], header, 'Grand total,,,"2,001.00",,', 'Total,"2,001.00"')
    summary = import_file(path, database, expected=Expected(rows=5, total=Decimal("2001.00")))
    assert {reject.error_code for reject in summary.first_rejects} == {"REPEATED_HEADER", "TOTALS_LINE"}
    assert (summary.rows_inserted, summary.rows_errored) == (2, 3)
    assert (summary.total_amount, summary.control_totals.unread_amounts) == (Decimal("2001.00"), 0)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (Expected(rows=8), r"expected 8 records, found 7 \(difference -1\)"),
        (Expected(sha256="0" * 64), "expected SHA-256 0000"),
    ],
)
def test_what_the_scan_contradicts_is_refused_before_anything_is_written(
    database: Database, conn: psycopg.Connection, delivery: Path, expected: Expected, told: str
) -> None:
    """Another count of records or another SHA-256 leaves no trace."""
    for take in (import_file, preview_file):
        with pytest.raises(ControlTotalMismatch, match=told):
            take(delivery, database, expected=expected)
    assert everything(conn) == [0] * 7


def test_a_cent_too_many_fails_the_run(database: Database, conn: psycopg.Connection, delivery: Path) -> None:
    """The run is failed, says what was found and names unread lines; with the right total the same run goes on."""
    wrong = Expected(rows=ROWS, total=TOTAL + Decimal("0.01"))
    told = (
        r"expected a total amount of 2,989\.58, found 2,989\.57 \(difference -0\.01\); "
        r"the amount of 2 records \(line 7, 8\) cannot be read"
    )
    with pytest.raises(ControlTotalMismatch, match=told):
        preview_file(delivery, database, expected=wrong)
    with pytest.raises(ControlTotalMismatch, match=told):
        import_file(delivery, database, expected=wrong)
    assert active(conn) == set()
    run_id, status, details = conn.execute("select id, status, error_details from ingest.v_runs").fetchone()
    assert (status, details["code"]) == ("failed", "CONTROL_TOTAL_MISMATCH")
    assert details["control_totals"] == {
        "rows": ROWS,
        "total_amount": "2,989.58",
        "found_rows": ROWS,
        "found_total_amount": "2,989.57",
        "difference": "-0.01",
        "unread_amounts": 2,
    }
    assert verify(conn).holds

    summary = import_file(delivery, database, expected=Expected(total=TOTAL))
    assert (summary.run_id, summary.status) == (run_id, "completed")
    assert verify(conn).holds


def test_no_path_completes_a_run_whose_totals_do_not_hold(
    database: Database, conn: psycopg.Connection, delivery: Path
) -> None:
    """Neither a finalize by hand nor the owner's own statement does, whatever chunks an earlier attempt landed."""
    with pytest.raises(ControlTotalMismatch):
        import_file(delivery, database, expected=Expected(total=Decimal("1.00")), worker_id="w")
    (run_id,) = conn.execute("select id from ingest.v_runs").fetchone()
    identity = conn.execute("select source_system, source_batch_id, file_hash from ingest.v_runs").fetchone()
    client = IngestClaimClient(conn, "w")
    assert client.claim(*identity).run_id == run_id
    assert client.finalize(run_id, 7, 2, 1, 4) == "failed"
    assert not client.reconcile(run_id, 7).is_valid
    client.claim(*identity)
    with pytest.raises(psycopg.errors.CheckViolation, match="import_runs_control_total_holds"):
        conn.execute(
            "select ingest._complete(%s, 7, 2, 4) from ingest._lock_source_system(%s)",
            [run_id, run_id],
        )
    conn.execute("select ingest.state_control_totals(%s, 8, null, null, 'w', 3)", [run_id])
    with pytest.raises(psycopg.errors.CheckViolation, match="import_runs_control_rows_hold"):
        conn.execute("select ingest._complete(%s, 7, 2, 4)", [run_id])
    assert active(conn) == set()


@pytest.mark.usefixtures("small_chunks")
def test_a_continued_run_sums_up_what_it_does_not_read(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunks that a dead attempt landed are in the total, to the cent."""
    path = csv_file("a.csv", [f"P{number}" for number in range(30)], *LINES)
    land_chunk = Intake._land_chunk  # noqa: SLF001 - where a worker dies
    landed = []

    def die_half_way(*arguments: object) -> object:
        if len(landed) == 5:
            raise OSError("gone")
        landed.append(1)
        return land_chunk(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "_land_chunk", die_half_way)
        with pytest.raises(RunFailed):
            import_file(path, database, workers=1)
    total = 30 * Decimal("1000.50") - Decimal("11.93")
    with pytest.raises(ControlTotalMismatch, match="difference -1"):
        import_file(path, database, expected=Expected(total=total + 1))
    summary = import_file(path, database, expected=Expected(total=total))
    assert (summary.status, summary.total_amount) == ("completed", total)
    assert verify(conn).holds


def test_a_changed_amount_is_found_by_verify(database: Database, conn: psycopg.Connection, delivery: Path) -> None:
    """Who owns the database and changes an amount contradicts the total that the chain holds."""
    import_file(delivery, database)
    conn.execute("alter table ingest.landed_rows disable trigger landed_rows_append_only")
    conn.execute("update ingest.landed_rows set judgment_amount = judgment_amount + 0.01 where row_number = 2")
    conn.execute("alter table ingest.landed_rows enable always trigger landed_rows_append_only")
    finding = verify(conn).finding
    assert (finding.check, finding.expected, finding.found) == ("CONTROL_TOTALS", "2,989.58 by recount", "2,989.57")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "one object of JSON"),
        ("rows=7", "one object of JSON"),
        ("[7]", "an object of JSON with rows, sha256, total_amount"),
        ("{}", "at least one of"),
        ('{"rows": 7, "rows": 7}', "each key once"),
        ('{"rows": 7, "row": 7}', "'row'"),
        ('{"rows": "7"}', "as rows"),
        ('{"rows": true}', "as rows"),
        ('{"rows": -1}', "as rows"),
        ('{"rows": 7.0}', "as rows"),
        ('{"total_amount": 1.005}', "as total_amount"),
        ('{"total_amount": "1.005"}', "as total_amount"),
        ('{"total_amount": NaN}', "one object of JSON"),
        ('{"total_amount": 1e999999999}', "as total_amount"),
        ('{"total_amount": null}', "as total_amount"),
        ('{"sha256": "abc"}', "as sha256"),
        ('{"rows": 7}' + " " * 70_000, "a few lines"),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    database: Database, conn: psycopg.Connection, delivery: Path, content: str, told: str
) -> None:
    """Whatever is not exactly a manifest is refused by name, before anything is written."""
    manifest(delivery, content)
    with pytest.raises(BadInput, match=told) as refusal:
        import_file(delivery, database)
    assert "a.csv.manifest.json" in str(refusal.value)
    assert everything(conn) == [0] * 7


def test_options_and_manifest_may_not_contradict_each_other(database: Database, delivery: Path) -> None:
    """Where both speak they say the same, as amounts do however they are written; else neither is believed."""
    manifest(delivery, {"rows": ROWS, "total_amount": "2,989.57"})
    with pytest.raises(BadInput, match="says 7 records, and 8 was given"):
        preview_file(delivery, database, expected=Expected(rows=8))
    with pytest.raises(BadInput, match=r"says 2,989\.57 total amount, and 2,989\.50 was given"):
        preview_file(delivery, database, expected=Expected(total=Decimal("2989.5")))
    assert preview_file(delivery, database, expected=Expected(total=Decimal("2989.570"))).control_totals.rows == ROWS


def test_a_total_of_a_file_without_amounts_is_refused(database: Database, tmp_path: Path) -> None:
    """Nothing can be held against it: that is no total of zero."""
    path = tmp_path / "a.csv"
    path.write_text("Plaintiff Name,Email\nAda,ada@example.com\n", encoding="utf-8")
    with pytest.raises(BadInput, match="judgment_amount"):
        import_file(path, database, expected=Expected(total=Decimal("0.00")))


def test_a_limited_preview_sums_nothing_up(database: Database, delivery: Path) -> None:
    """The records are counted, the total is left open."""
    totals = preview_file(delivery, database, limit=2, expected=Expected(rows=ROWS, total=TOTAL)).control_totals
    assert (totals.found_rows, totals.found_total) == (ROWS, None)


def test_amounts_too_large_to_land_are_summed_up_nevertheless(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """Rejects of eighteen digits cost neither the file nor its total, which can be stated."""
    vast = ("Ben,ben@example.com,CV-2,600000000000000000,,", "Cid,cid@example.com,CV-3,600000000000000000,,")
    path = csv_file("a.csv", [], "Ada,ada@example.com,CV-1,10.00,,", *vast)
    total = Decimal("1200000000000000010.00")
    with pytest.raises(ControlTotalMismatch):
        import_file(path, database, expected=Expected(total=total + Decimal("0.01")))
    summary = import_file(path, database, expected=Expected(total=total))
    assert (summary.status, summary.rows_errored, summary.total_amount) == ("completed", 2, total)
    assert verify(conn).holds
