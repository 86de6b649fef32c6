"""Certificates: no value of one can be altered unnoticed, and no cell of a record is in one."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typst

from plaintiff_moat.attest import make_certificate, make_checkpoint
from plaintiff_moat.audit import verify
from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence.certificates import (
    Certificate,
    check_certificate,
    check_delivery,
    dumps,
    not_proved,
    read_certificate,
)
from plaintiff_moat.evidence.facts import RunFacts
from plaintiff_moat.evidence.pdf import render
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database

PLAINTIFFS = ["Hopper", "Lovelace", "Noether", "Curie", "Meitner", "Hopper"]

# what no hash is over: the maker's word, and what only a kept checkpoint proves
UNPROVED = {
    "kind",
    "version",
    "made_at",
    "made_by",
    ("checkpoint", "checkpoint_no"),
    ("checkpoint", "at"),
    ("checkpoint", "leaf"),
}


@pytest.fixture
def delivery(csv_file: Callable[..., Path]) -> Path:
    """A file of seven records, one of them a reject."""
    return csv_file("Müller 原告.csv", PLAINTIFFS, ",a@example.com,CV-1,1,2024-01-01,")


@pytest.fixture
def certificate(
    request: pytest.FixtureRequest, conn: psycopg.Connection, database: Database, delivery: Path
) -> Certificate:
    """The certificate of the delivery, which came in several chunks and was offered twice."""
    request.getfixturevalue("small_chunks")
    run_id = import_file(delivery, database).run_id
    import_file(delivery, database)
    made = make_certificate(conn, run_id)
    assert len(made.document["chunks"]) > 1
    return made


def altered(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return "x"
    return value + 1 if isinstance(value, int) else f"{value[:-1]}{'1' if value[-1:] == '0' else '0'}"


def with_one_value_altered(held: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The document again and again, each time with another of its values altered, and that value's place."""
    if isinstance(held, dict | list):
        for key, value in held.items() if isinstance(held, dict) else enumerate(held):
            if not {key, (*place, key)}.isdisjoint(UNPROVED):
                continue
            for where, changed in with_one_value_altered(value, (*place, key)):
                copy = dict(held) if isinstance(held, dict) else list(held)
                copy[key] = changed
                yield where, copy
    else:
        yield place, altered(held)


def test_every_altered_value_is_found(certificate: Certificate) -> None:
    """Whatever is changed in the JSON, the check names something or refuses the document."""
    assert check_certificate(certificate).finding is None
    tried = 0
    for place, document in with_one_value_altered(certificate.document):
        try:
            finding = check_certificate(Certificate(document, dumps(document), None)).finding
        except BadInput:
            continue
        assert finding is not None, place
        tried += 1
    assert tried > 100


def test_the_ten_lines_of_the_documentation(certificate: Certificate, tmp_path: Path) -> None:
    """What docs/evidence.md gives an auditor to run finds the head, and an altered event."""
    page = (Path(__file__).parents[1] / "docs" / "evidence.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    path = tmp_path / "run.json"
    for text, head in ((certificate.text, certificate.document["head"]["hash"]), (altered_actor(certificate), None)):
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-c", lines, str(path)]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (outcome.returncode == 0) == (head is not None)
        assert (head or "event 1 is not what was written") in outcome.stdout + outcome.stderr


def altered_actor(certificate: Certificate) -> str:
    """The certificate with another actor of the first event."""
    document = json.loads(certificate.text)
    document["events"][0]["actor"] += "x"
    return dumps(document)


def test_lists_cannot_be_shortened(certificate: Certificate) -> None:
    """An event, an attempt, a chunk or a step of the path that is left out is found."""
    for *parents, name in (("events",), ("attempts",), ("chunks",), ("checkpoint", "path")):
        document = json.loads(certificate.text)
        held = document[parents[0]] if parents else document
        held[name] = held[name][:-1] if held[name] else ["00" * 32]
        assert check_certificate(Certificate(document, dumps(document), None)).finding is not None, name


def test_a_pdf_holds_its_json_and_shows_it(certificate: Certificate, tmp_path: Path) -> None:
    """The PDF is PDF/A, gives back the JSON byte for byte, and is refused when its pages are not that JSON's."""
    path = tmp_path / "run.pdf"
    path.write_bytes(render(certificate.text))
    read = read_certificate(path)
    assert read.text == certificate.text
    checked = check_certificate(read)
    assert (checked.finding, checked.holds[-1]) == (None, "the pages are the rendering of the attached JSON")
    assert b"pdfaid" in path.read_bytes()
    retouched = Certificate(read.document, read.text, read.pdf + b"\n% retouched")
    assert check_certificate(retouched).finding.check == "PAGES"


def test_pages_are_set_whatever_is_null(conn: psycopg.Connection, certificate: Certificate) -> None:
    """Every kind of event that a ledger can hold, without worker and time, of a run with all columns null that may."""
    kinds = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'run_events_kinds'"
    document = json.loads(certificate.text)
    first = document["events"][0] | {"worker_id": None, "at": None, "details": "{}"}
    told = [first | {"event": kind} for kind in re.findall(r"'(\w+)'", conn.execute(kinds).fetchone()[0])]
    assert len(told) > 15
    document["events"] = [*told, first | {"details": '{"none": null, "list": [1, null], "object": {"n": -0.5}}'}]
    document["run"] |= {column.name: None for column in fields(RunFacts) if "None" in str(column.type)}
    document["file"] |= {"name": None, "size": None, "header_bytes": None}
    document["counts"]["expected"] = None
    document["attempts"].append(
        {"attempt": 1, "actor": "x"} | dict.fromkeys(("worker_id", "began_at", "ended_at", "ended"))
    )
    for status in ("pending", "processing", "completed", "failed", "rolled_back"):
        document["run"]["status"] = status
        assert render(dumps(document | {"chunks": [], "checkpoint": None})).startswith(b"%PDF"), status


def test_other_files_are_no_certificates(tmp_path: Path, delivery: Path) -> None:
    """A PDF without the attachment, broken PDF, other JSON, a CSV and a missing file are refused."""
    for name, content in (
        ("other.pdf", typst.compile(b"hello")),
        ("broken.pdf", b"%PDF-1.7\n"),
        ("other.json", b'{"kind": "plaintiff-moat checkpoint", "version": 1}'),
        ("list.json", b"[]"),
        ("binary.json", b"\xff\xfe"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(BadInput, match=name):
            read_certificate(path)
    for path in (delivery, tmp_path / "missing.json", tmp_path):
        with pytest.raises(BadInput):
            read_certificate(path)


def test_the_delivered_file_is_held_against_it(certificate: Certificate, delivery: Path, tmp_path: Path) -> None:
    """A changed byte is found by its chunk, a changed header by the file's hash, a missing byte by the size."""
    content = delivery.read_bytes()
    path = tmp_path / "copy.csv"
    path.write_bytes(content)
    assert check_delivery(certificate, path) is None
    last = certificate.document["chunks"][-1]
    for changed, expected in (
        (content[:-3] + b"x" + content[-2:], ("CHUNK_DIGEST", f"chunk {last['chunk_no']}")),
        (b"p" + content[1:], ("FILE_HASH", "copy.csv")),
        (content[:-1], ("FILE_SIZE", "copy.csv")),
        (content + b"\n", ("FILE_SIZE", "copy.csv")),
    ):
        path.write_bytes(changed)
        finding = check_delivery(certificate, path)
        assert (finding.check, finding.where.split(",")[0]) == expected


def test_a_kept_checkpoint_proves_it(conn: psycopg.Connection, certificate: Certificate) -> None:
    """Against the checkpoint of its time, and a later one, the history is the one that was seen."""
    later = make_checkpoint(conn)
    checked = check_certificate(certificate, later)
    assert (checked.finding, checked.holds[-1]) == (None, f"the kept checkpoint {later.number} holds this history")
    number = certificate.document["checkpoint"]["checkpoint_no"]
    assert number != later.number
    # a later one does not hold the time of the one that the certificate names
    for given, is_open in ((None, True), (later, True), (replace(later, number=number), False)):
        left_open = not_proved(certificate, checkpoint=given, has_file=True)
        assert any(f"when checkpoint {number} was taken: give that very" in said for said in left_open) == is_open
    other = json.loads(certificate.text)
    other["checkpoint"] = later.proof(certificate.document["run"]["run"]) | {"at": "2001-01-01"}
    finding = check_certificate(Certificate(other, dumps(other), None), later).finding
    assert (finding.check, finding.where) == ("CHECKPOINT", f"at of checkpoint {later.number}")


def test_no_cell_is_in_evidence(conn: psycopg.Connection, certificate: Certificate, delivery: Path) -> None:
    """Neither a certificate, nor its pages' source, nor a finding of verify holds the name of a plaintiff."""
    conn.execute("alter table ingest.landed_rows disable trigger landed_rows_append_only")
    conn.execute("update ingest.landed_rows set dedupe_key = gen_random_uuid() where row_number = 1")
    report = verify(conn, certificate.document["run"]["run"], file=delivery)
    assert report.finding is not None
    for name in PLAINTIFFS:
        assert name not in certificate.text + str(report)
