"""What is no delivery is refused with one clear line, and a delivery that changes is noticed."""

import gzip
import os
import pickle
import zipfile

import pytest
from csv_files import frame_of, load

from plaintiff_moat.errors import BadInput, SourceChanged
from plaintiff_moat.source import Reading
from plaintiff_moat.source import boundaries as walking
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.read import read
from plaintiff_moat.source.scan import scan


def refusal_of(path, content: bytes | None = None) -> str:
    """Scan a file that must be refused and return the reason."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        scan(path)
    assert "\n" not in str(refused.value)
    assert str(path.parent) not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf", "an empty file"),
        (b"\r\n\n\n", "an empty file"),
        (b"name,amount\n", "found none"),
        (b"\xef\xbb\xbfname,amount\r\n\r\n\r\n", "found none"),
        (b"name,amount", "found none"),
        ("name,amount\nx,1\n".encode("utf-32"), "UTF-32"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\n" + b"\0" * 4000, "NUL bytes"),
        (gzip.compress(b"name\nx\n", mtime=0), "gzip"),
        (b"%PDF-1.7\n%...\n", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "old Excel workbook"),
        (b'"name,amount\nx,1\n', "line 1 damaged"),
        (b'na"me,amount\nx,1\n', "line 1 damaged at column 1"),
        (b'name,amount\r\r\n"x\n",1\r\r\n', "found CR CR LF"),
        (b"caf\xff\xfe\x80,amount\nx,1\n", "a header in UTF-8"),
    ],
)
def test_a_file_that_is_no_delivery_is_refused(tmp_path, content, found):
    """The refusal says what was found instead of a CSV file with records."""
    assert found in refusal_of(tmp_path / "vendor.csv", content)


def test_a_workbook_and_an_archive_are_told_apart(tmp_path):
    """A zip that is an Excel workbook is called one."""
    for member, kind in (("[Content_Types].xml", "Excel workbook"), ("export.csv", "zip archive")):
        with zipfile.ZipFile(tmp_path / "packed.csv", "w") as packed:
            packed.writestr(member, "name\nx\n")
        assert kind in refusal_of(tmp_path / "packed.csv")


def test_a_path_without_a_regular_file_is_refused(tmp_path):
    """A missing path, a directory, a pipe that nobody writes to and a device: refused at once."""
    os.mkfifo(tmp_path / "pipe.csv")
    assert "found nothing" in refusal_of(tmp_path / "missing.csv")
    assert "found nothing" in refusal_of(tmp_path / "pipe.csv" / "below")
    assert "a directory" in refusal_of(tmp_path)
    assert "pipe or device" in refusal_of(tmp_path / "pipe.csv")
    with pytest.raises(BadInput, match="pipe or device"):
        scan("/dev/zero")
    with pytest.raises(BadInput, match="impossible path"):
        scan("nul\0byte.csv")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can step down to a user who may not read")
def test_an_unreadable_file_is_refused(tmp_path):
    """A file that this user may not read is refused with that reason."""
    path = tmp_path / "secret.csv"
    path.write_text("name\nx\n")
    os.seteuid(65534)
    try:
        assert "no permission" in refusal_of(path)
    finally:
        os.seteuid(0)


def test_a_file_that_grows_while_it_is_scanned_is_refused(tmp_path, monkeypatch):
    """Bytes that arrive during the scan make it fail instead of hashing half a delivery."""
    path = tmp_path / "growing.csv"
    path.write_text("name\nx\n")

    proved = walking.prove

    def grown(*arguments, final):
        with path.open("a") as file:
            file.write("y\n")
        return proved(*arguments, final=final)

    monkeypatch.setattr(walking, "prove", grown)
    with pytest.raises(SourceChanged, match="expected a file at rest"):
        scan(path)


def test_a_file_that_is_replaced_while_it_is_scanned_is_refused(tmp_path, monkeypatch):
    """Another file of the same name and size is another file."""
    path, other = tmp_path / "vendor.csv", tmp_path / "other.csv"
    path.write_text("name\nx\n")
    other.write_text("name\ny\n")
    proved = walking.prove

    def replaced(*arguments, final):
        if other.exists():
            other.rename(path)
        return proved(*arguments, final=final)

    monkeypatch.setattr(walking, "prove", replaced)
    with pytest.raises(SourceChanged):
        scan(path)


@pytest.mark.parametrize("content", ["name\nX\n", "name\nx", "name\n"])
def test_bytes_that_are_not_those_that_were_hashed_are_not_read(tmp_path, content):
    """A chunk whose bytes changed after the scan is refused, whatever its size is now."""
    path = tmp_path / "vendor.csv"
    path.write_text("name\nx\n")
    scanned = scan(path)
    path.write_text(content)
    with pytest.raises(SourceChanged, match="expected the bytes that were hashed"):
        frame_of(scanned)


def test_a_scan_is_plain_data(tmp_path):
    """A scan survives pickling, so that a chunk can be read on another machine."""
    path = tmp_path / "vendor.csv"
    path.write_text('name,city\nx,"y\nz"\n"q"w,e\n')
    scanned = pickle.loads(pickle.dumps(scan(path)))  # noqa: S301 (our own bytes)
    assert scanned == scan(path)
    frame = read(path, scanned.dialect, scanned.header, scanned.chunks[0])
    assert frame["line_start"].to_list() == [2, 4]


def test_a_header_behind_blank_lines_and_a_mark_is_found(tmp_path):
    """A byte order mark and blank lines before the header are no part of it, and lines keep their numbers."""
    path = tmp_path / "vendor.csv"
    frame = load(path, '\ufeff\r\n\n"plaintiff ""name""",amount\r\n\r\nx,1')
    assert scan(path).header == ('plaintiff "name"', "amount")
    assert frame.select("line_start", "line_end", "c0", "c1").rows() == [(5, 5, "x", "1")]


def test_cells_are_exactly_as_sent(tmp_path):
    """White space and doubled quotes survive; an empty cell is null, quoted or not."""
    frame = load(tmp_path / "vendor.csv", 'a,b,c\n x , "y" ,""\n" x ","a""b",\n'.replace(' "y" ', " y "))
    assert frame.select("c0", "c1", "c2").rows() == [(" x ", " y ", None), (" x ", 'a"b', None)]


def test_another_dialect_reads_too(tmp_path):
    """Delimiter and quote are those of the dialect, in good records and damaged ones."""
    path = tmp_path / "vendor.csv"
    path.write_text("a|b\n1|'x|y'\n2|it's\n3,z|\n")
    scanned = scan(path, reading=Reading(delimiter="|", quote="'"))
    assert frame_of(scanned).select("c0", "c1", "error_code").rows() == [
        ("1", "x|y", None),
        (None, None, "BARE_QUOTE"),
        ("3,z", None, None),
    ]


@pytest.mark.parametrize(
    "wrong", [{"delimiter": ",,"}, {"quote": "\n"}, {"delimiter": '"'}, {"quote": "é"}, {"line_end": "\r\n"}]
)
def test_an_impossible_dialect_is_refused(wrong):
    """A delimiter or quote that is no single ASCII character of its own is a misuse."""
    with pytest.raises(ValueError, match="expected"):
        Dialect(**wrong)
