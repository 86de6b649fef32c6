"""What is in a delivered container comes out whole and as it was written, or is refused with nothing left behind."""

import bz2
import gzip
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.containers.unpack import unpacked
from plaintiff_moat.errors import BadInput

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"a,b\n1,2\n"
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd.compress}


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def taken(tmp_path: Path, moat_home: Path) -> Callable[..., tuple[bytes, str]]:
    """The text in a delivered file and what is said of it; whatever happens, nothing stays in the spool."""

    def take(name: str, delivered: bytes, **asked: object) -> tuple[bytes, str]:
        path = tmp_path / name
        path.write_bytes(delivered)
        try:
            content = unpacked(path, **asked)
            assert content is not None
            with content:
                assert (content.file_hash, content.size) == (hashlib.sha256(delivered).hexdigest(), len(delivered))
                assert content.path.stat().st_mode & 0o777 == 0o600
                assert content.spool.folder.stat().st_mode & 0o777 == 0o700
                return content.path.read_bytes(), content.what + content.remark
        finally:
            assert list((moat_home / "spool").glob("*")) == []

    return take


def workbook(*rows: tuple[object, ...], **formats: str) -> openpyxl.Workbook:
    """A workbook of these rows, with number formats by cell."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, code in formats.items():
        book.active[cell].number_format = code
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    """The bytes of the workbook."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("ending", PACK)
def test_every_member_of_a_stream_is_read(taken: Callable[..., tuple[bytes, str]], ending: str) -> None:
    """Concatenated members are one text."""
    packed = PACK[ending](TEXT) + PACK[ending](b"3,4\n")
    assert taken(f"f.csv.{ending}", packed)[0] == TEXT + b"3,4\n"


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("damage", ["cut", "second member cut", "something behind", "a flipped bit", "nested"])
def test_a_stream_that_is_not_whole_is_refused(
    taken: Callable[..., tuple[bytes, str]], ending: str, damage: str
) -> None:
    """Never a silent short read: what ends early, has a remainder, fails its checksum or is packed twice."""
    pack = PACK[ending]
    # zstd writes a checksum only when asked to
    whole = (
        pack(TEXT * 99) if ending != "zst" else pack(TEXT * 99, options={zstd.CompressionParameter.checksum_flag: 1})
    )
    damaged = {
        "cut": whole[:-3],
        "second member cut": whole + whole[:-3],
        "something behind": whole + b"remainder",
        "a flipped bit": whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:],
        "nested": pack(whole),
    }[damage]
    with pytest.raises(BadInput):
        taken(f"f.{ending}", damaged)


def test_bytes_decide_and_the_name_is_held_against_them(
    taken: Callable[..., tuple[bytes, str]], tmp_path: Path
) -> None:
    """A gzip file under the name of a CSV file is read and said to be one; a CSV file under that of gzip is refused."""
    assert taken("f.csv", gzip.compress(TEXT)) == (TEXT, "gzip, although its name ends in .csv")
    with pytest.raises(BadInput, match="expected gzip by its name"):
        taken("f.gz", TEXT)
    with pytest.raises(BadInput, match="expected zip by its name, found another kind: Excel workbook"):
        taken("f.zip", saved(workbook(("a",))))
    (tmp_path / "plain.csv").write_bytes(TEXT)
    assert unpacked(tmp_path / "plain.csv") is None
    with pytest.raises(BadInput, match="leave --sheet out"):
        unpacked(tmp_path / "plain.csv", sheet="Data")
    for old in (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", zipped(("mimetype", b"application/vnd.oasis"))):
        with pytest.raises(BadInput, match=r"save it as \.xlsx"):
            taken("f.dat", old)


def test_the_member_of_an_archive(taken: Callable[..., tuple[bytes, str]]) -> None:
    """One file is taken without asking, of several the one that is named; no name is ever a path."""
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    left_out = ("__MACOSX/x/._f.csv", b"fork"), ("x/", b""), (link, b"/etc/passwd")
    assert taken("f.zip", zipped(*left_out, ("x/f.csv", TEXT))) == (TEXT, "zip, member 'x/f.csv', 1 of 1")
    two = zipped(("../../etc/f.csv", TEXT), ("g.csv", b"c\n"))
    with pytest.raises(BadInput, match=r"found 2: '\.\./\.\./etc/f\.csv', 'g\.csv'; name one with --member"):
        taken("f.zip", two)
    assert taken("f.zip", two, member="f.csv")[0] == TEXT
    with pytest.raises(BadInput, match="name one with --member"):
        taken("f.zip", two, member="h.csv")


def _encrypted() -> bytes:
    packed = bytearray(zipped(("f.csv", TEXT)))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def _overlapping() -> bytes:
    """Two entries of the directory that stand for the same bytes."""
    packed = zipped(("f.csv", TEXT), ("g.csv", TEXT))
    start, second = packed.index(b"PK\x01\x02"), packed.rindex(b"PK\x01\x02")
    offset = second + 42
    assert start < second
    return packed[:offset] + bytes(4) + packed[offset + 4 :]


def _wrong_checksum() -> bytes:
    packed = zipped(("f.csv", TEXT), method=zipfile.ZIP_STORED)
    return packed.replace(TEXT, TEXT.replace(b"2", b"3"))


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (_encrypted(), "encrypted"),
        (_overlapping(), "overlap"),
        (zipped(("first.csv", TEXT)) + zipped(("second.csv", TEXT)), "none of its"),
        (zipped(("first.csv", TEXT)) + b"junk", "none of its"),
        (_wrong_checksum(), "damaged"),
        (zipped(("f.csv.exe", TEXT)).replace(b"f.csv.exe", b"f.csv\0exe"), "NUL in its name"),
        (zipped(("f.csv", TEXT))[:-30], "directory"),
        (zipped(("f.csv.gz", gzip.compress(TEXT))), "found gzip in it"),
        (zipped(("f.zip", zipped(("f.csv", TEXT)))), "found zip in it"),
        (zipped(), "found 0"),
        (zipped(*((f"{number}.csv", b"") for number in range(1001))), "MOAT_LIMIT_MEMBERS"),
    ],
    ids=[
        "encrypted",
        "overlapping",
        "two archives",
        "junk behind",
        "checksum",
        "NUL",
        "cut",
        "gzip in it",
        "zip in it",
        "empty",
        "many",
    ],
)
def test_an_archive_that_cannot_be_taken_whole(
    taken: Callable[..., tuple[bytes, str]], archive: bytes, reason: str
) -> None:
    """Each is refused with what is wrong with it."""
    with pytest.raises(BadInput, match=reason):
        taken("f.zip", archive)


def test_a_bomb_stops_at_its_limit(taken: Callable[..., tuple[bytes, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand to one is refused by ratio, and anything by size; the environment sets both."""
    blanks = bytes(80 << 20)
    for name, bomb in (("f.gz", gzip.compress(blanks)), ("f.zip", zipped(("f.csv", blanks)))):
        with pytest.raises(BadInput, match="MOAT_LIMIT_RATIO"):
            taken(name, bomb)
        with pytest.raises(BadInput, match="MOAT_LIMIT_EXPANDED_BYTES"):
            taken(name, bomb, limits=Limits(expanded_bytes=1 << 20))
    monkeypatch.setenv("MOAT_LIMIT_RATIO", "none")
    with pytest.raises(BadInput, match="MOAT_LIMIT_RATIO: expected a positive whole number"):
        taken("f.gz", gzip.compress(TEXT))


def test_cells_come_out_as_the_sheet_shows_them(taken: Callable[..., tuple[bytes, str]]) -> None:
    """Texts stay texts, numbers are what was typed, days are ISO; a row stands on the line of its number."""
    book = workbook(
        ("zip", "n", "n", "n", "day", "time", "yes", "id", "note"),
        ("00123", 1234.5, 7, 0.1 + 0.2, date(2024, 5, 1), datetime(2024, 5, 1, 13, 45), True, 2134, 'x "y", z'),  # noqa: DTZ001
        (),
        ("+1", 1234.0999999999999, -0.0, 1e22, 60.5, 0.75, False, 123456789, None, "a cell too many"),
        ("", 0.5, None, 1, datetime(2024, 5, 1, 13, 45), 45413.5),  # noqa: DTZ001
        H2="00000", E4="General", F4="h:mm", H4="000-00-0000", B5="0%", E5="m/d/yyyy", F5="h:mm",
    )  # fmt: skip
    text, what = taken("f.xlsx", saved(book))
    assert text.decode().split("\r\n") == [
        "zip,n,n,n,day,time,yes,id,note",
        '00123,1234.5,7,0.3,2024-05-01,2024-05-01T13:45:00,TRUE,02134,"x ""y"", z"',
        "",
        "+1,1234.1,0,10000000000000000000000,60.5,18:00:00,FALSE,123-45-6789,,a cell too many",
        ",0.5,,1,2024-05-01,2024-05-01T12:00:00,,,",
        "",
    ]
    assert what == "Excel workbook, sheet 'Sheet', 1 of 1"


def test_numbers_that_are_digits_keep_their_zeros_and_marks(taken: Callable[..., tuple[bytes, str]]) -> None:
    """Excel's formats for codes and telephones, with colours, padding, texts and conditions; amounts stay amounts."""
    zip_4, phone = r"[<=99999]00000;00000\-0000", r"[<=9999999]###\-####;\(###\)\ ###\-####"
    shown = [
        (2134, zip_4, "02134"), (21341234, zip_4, "02134-1234"), (123456, zip_4, "00012-3456"),
        (5551234, phone, "555-1234"), (2125551234, phone, "(212) 555-1234"), (12, phone, "12"),
        (5006789, r"000\-00\-0000", "005-00-6789"), (21341234, "00000-0000", "02134-1234"),
        (2134, "[Red]00000", "02134"), (2134, "_(00000_)", "02134"), (2134, '"ZIP "00000', "ZIP 02134"),
        (17, '"CV;"0000\\/00', "CV;0000/17"), (7, "[>=100]0;[=7]000;00", "007"), (8, "[>=100]0;[=7]000;00", "08"),
        (2134, ";00000", "2134"), (-5, "00000", "-00005"), (2134.5, "000-000", "002134.5"), (5, "00,000.00", "00005"),
        (1234567.5, "#,##0.00", "1234567.5"), (1234567, "# ##0", "1234567"), (0.5, "00.0%", "0.5"), (5, "000,", "5"),
    ]  # fmt: skip
    book = workbook(("n",), *((number,) for number, *_ in shown))
    for row, (_, code, _) in enumerate(shown, 2):
        book.active[f"A{row}"].number_format = code
    assert taken("f.xlsx", saved(book))[0].decode().split("\r\n")[1:-1] == [text for *_, text in shown]


def test_a_day_that_was_none_is_taken_for_no_date(taken: Callable[..., tuple[bytes, str]]) -> None:
    """Serial 0, which a formula makes of an empty cell, and 29 February 1900 come out as Excel shows them."""
    codes = {f"{column}2": "m/d/yyyy" for column in "ABCD"}
    book = workbook((*"abcdef",), (0, 1, 59, 60, 60.75, 0), **codes, E2="m/d/yyyy h:mm", F2="h:mm")
    text, _ = taken("f.xlsx", saved(book))
    assert text.split()[1] == b"1900-01-00,1900-01-01,1900-02-28,1900-02-29,1900-02-29T18:00:00,00:00:00"
    book.active["A2"] = -1
    with pytest.raises(BadInput, match="1 cell that holds no number, day or text"):
        taken("f.xlsx", saved(book))


@pytest.mark.parametrize(
    "above", [[("sep=;",)], [("Judgments", None, "as of May")], [("of", "May"), ("made", "by", "us", "for you")]]
)
def test_a_table_below_a_title_is_as_wide_as_its_header(
    taken: Callable[..., tuple[bytes, str]], above: list[tuple[str, ...]]
) -> None:
    """Empty cells at the end of a record are cells; a row that is too wide for the header stays so."""
    rows = (("name", "case", "court", "date", "note"), ("x", "1"), (*"abcdef",), ("y", None, "z"), (*"klmno",))
    lines = taken("f.xlsx", saved(workbook(*above, *rows)))[0].decode().split("\r\n")
    assert lines[len(above) :] == ["name,case,court,date,note", "x,1,,,", "a,b,c,d,e,f", "y,,z,,", "k,l,m,n,o", ""]
    assert lines[0].rstrip(",") == ",".join(cell or "" for cell in above[0])


@pytest.mark.parametrize("rows_above", [0, 11, 300])
def test_a_note_beside_a_table_widens_no_record(taken: Callable[..., tuple[bytes, str]], rows_above: int) -> None:
    """It is too wide alone, wherever it stands; the records behind it have the cells of their header."""
    records = [(f"P{number}",) if number % 2 else (f"P{number}", str(number)) for number in range(330)]
    book = workbook(("name", "case"), *records[:rows_above], (*"notes",), *records[rows_above:])
    lines = taken("f.xlsx", saved(book))[0].decode().split("\r\n")
    assert lines.pop(rows_above + 1) == "n,o,t,e,s"
    assert {line.count(",") for line in lines[:-1]} == {1}


def test_columns_that_a_header_does_not_name_are_columns(taken: Callable[..., tuple[bytes, str]]) -> None:
    """Where records are wider than their header as a rule, none of their cells is lost and none is too many."""
    book = workbook(("name", "case"), ("x", "1", "paid"), ("y", "2"), ("z", "3", "open"))
    assert taken("f.xlsx", saved(book))[0].split() == [b"name,case,", b"x,1,paid", b"y,2,", b"z,3,open"]


def test_the_sheet_of_a_workbook(taken: Callable[..., tuple[bytes, str]]) -> None:
    """The first that is not hidden, or the one that is named."""
    book = workbook(("hidden",))
    book.active.sheet_state = "hidden"
    book.create_sheet("Data").append(("data",))
    book.create_sheet("More").append(("more",))
    assert taken("f.xlsx", saved(book)) == (b"data\r\n", "Excel workbook, sheet 'Data', 2 of 3")
    assert taken("f.xlsx", saved(book), sheet="More")[0] == b"more\r\n"
    assert taken("f.xlsx", saved(book), sheet="Sheet")[0] == b"hidden\r\n"
    with pytest.raises(BadInput, match="'Sheet', 'Data', 'More'; name one with --sheet"):
        taken("f.xlsx", saved(book), sheet="None")


def test_cells_without_a_value_are_refused(taken: Callable[..., tuple[bytes, str]]) -> None:
    """An error, and a formula that nothing ever calculated, would otherwise be empty cells."""
    book = workbook(("a", "b"), ("=A1", 1))
    book.active["B2"].value, book.active["B2"].data_type = "#REF!", "e"
    with pytest.raises(
        BadInput, match=r"1 formula that was .* row 2, column 1 and 1 error such as #REF!, .* row 2, column 2"
    ):
        taken("f.xlsx", saved(book))


def _with_sheet(xml: str) -> bytes:
    """A workbook whose sheet is this XML."""
    source = zipfile.ZipFile(io.BytesIO(saved(workbook(("a",)))))
    return zipped(
        *((name, xml.encode() if "sheet1" in name else source.read(name)) for name in source.namelist()),
    )


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ('<row r="1"><c r="ALM1"><v>1</v></c></row>', "MOAT_LIMIT_COLUMNS"),
        ('<row r="1"><c r="BDWGO1"><v>1</v></c></row>', "in order and inside the sheet"),
        ('<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>', "in order"),
        ('<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>', "in order"),
        ('<row r="1"><c r="A1" t="s"><v>9</v></c></row>', "no number, day or text"),
        ('<row r="1"><c r="A1"><v>nan</v></c></row>', "no number, day or text"),
        ('<row r="1"><c r="A1"><v>1_000</v></c></row>', "no number, day or text"),
        ("<row>" + "<a>" * 99, "grows without end"),
        ("<row></c>", "not as it should be"),
        (f'<row><c t="str"><v>{"x" * (2 << 20)}</v></c></row>', "MOAT_LIMIT_FIELD_BYTES"),
    ],
)
def test_a_sheet_that_is_made_to_harm(taken: Callable[..., tuple[bytes, str]], rows: str, reason: str) -> None:
    """Cells where none can be, values that are none, XML that grows: refused; a declared size is not believed."""
    head = '<worksheet><dimension ref="A1:BDWGO1048576"/><sheetData>'
    with pytest.raises(BadInput, match=reason):
        taken("f.xlsx", _with_sheet(f"{head}{rows}</sheetData></worksheet>"))
    with pytest.raises(BadInput, match="defines entities"):
        taken("f.xlsx", _with_sheet(f'<!DOCTYPE a [<!ENTITY b "c">]>{head}</sheetData></worksheet>'))


def test_columns_of_parquet_come_out_as_text(taken: Callable[..., tuple[bytes, str]], tmp_path: Path) -> None:
    """Decimals with their scale, whole floats without .0, ISO days; a null is an empty cell."""
    moment = datetime(2024, 5, 1, 3, 4, 5)  # noqa: DTZ001
    pl.DataFrame(
        {
            "id": ["00123", None],
            "amount": [Decimal("1.50"), Decimal("12345678901234.56")],
            "number": [7.0, 2.5],
            "day": [date(2024, 5, 1), None],
            "at": [moment.replace(hour=0, minute=0, second=0), moment],
            "yes": [True, False],
        }
    ).write_parquet(tmp_path / "p")
    whole = (tmp_path / "p").read_bytes()
    assert taken("f.parquet", whole)[0].decode().split("\r\n") == [
        "id,amount,number,day,at,yes",
        "00123,1.50,7,2024-05-01,2024-05-01,true",
        ",12345678901234.56,2.5,,2024-05-01T03:04:05.000000,false",
        "",
    ]
    pl.DataFrame({"one": [None, "x"]}).write_parquet(tmp_path / "p")
    assert taken("f.parquet", (tmp_path / "p").read_bytes())[0] == b'one\r\n""\r\nx\r\n'
    pl.DataFrame({"nested": [[1]]}).write_parquet(tmp_path / "p")
    with pytest.raises(BadInput, match="column 1 of type List"):
        taken("f.parquet", (tmp_path / "p").read_bytes())
    with pytest.raises(BadInput, match="cut short"):
        taken("f.parquet", whole[:-9])
    with pytest.raises(BadInput, match="found damage"):
        taken("f.parquet", whole[:20] + b"\xff" * 200 + whole[220:])
