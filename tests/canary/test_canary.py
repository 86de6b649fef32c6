"""Nothing of a vendor's numbers comes out anywhere, whatever goes wrong: the canaries of every cell are looked for.

Files go in through the command line in a process of its own. Looked at are what it printed, the log of the PostgreSQL
server, every file below MOAT_HOME, and what the ledger keeps of runs, events and rejects.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from canary_files import SENSITIVE, Canaries, write_csv
from scene import Scene

from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer

COMMIT = ("--commit", "--json", "--verbose")
UTF_8 = ("--encoding", "utf-8")  # of a file that has another encoding too, nobody but a person can say which it is
IMPATIENT = ("--patience", "0")  # what is said again succeeds, or waits again
PAUSE, SECOND_PAUSE = 4711, 4712


@pytest.fixture
def scene(conn: psycopg.Connection, db_url: str, server: EmbeddedServer, moat_home: Path, tmp_path: Path) -> Scene:
    """A fresh database and folder."""
    return Scene(conn, db_url, server, moat_home, tmp_path)


def test_a_good_file_is_not_told_of_and_keeps_no_sensitive_column(scene: Scene) -> None:
    """What was sent stands in the landed rows, where it belongs; of sensitive columns nothing but the end."""
    path = str(scene.file())
    for options in ((), COMMIT, ("--commit", "--verbose")):
        assert scene.moat("import", path, *options) == 0
    (run,) = scene.conn.execute("select id::text from ingest.import_runs").fetchone()
    assert scene.moat("reconcile", run, "--expected", "9", "--json") == 3
    assert scene.moat("rollback", run, "--reason", f"held {scene.canaries.both()}") == 0
    scene.show_everything()
    assert scene.leaks() == {}

    landed = dict.fromkeys(("Notes", *SENSITIVE), "")
    for (extra,) in scene.conn.execute("select extra from ingest.plaintiffs_raw"):
        landed = {column: f"{text} {extra[column]}" for column, text in landed.items()}
    assert set(scene.canaries.found(landed)) == {"Notes"}, "found where it was put in clear, and only there"


def test_rejected_records_do_not_tell(scene: Scene) -> None:
    """Amounts and dates that would break a cast, records too long, too short, without a name, not UTF-8, malformed."""
    new = scene.canaries
    path = scene.file(
        new.record("Ada"),
        new.record("Ben", **{"Judgment Amount": new.ssn()}),
        new.record("Cyd", **{"Judgment Amount": new.card("")}),
        new.record("Dot", **{"Judgment Date": new.ssn(".")}),
        new.record("Eve", **{"Judgment Date": new.card("\u2011")}),
        new.record("", **{"Plaintiff Name": ""}),
        new.record("Fay", Email=f"{new.ssn('_')}@mail.example.com", Phone=new.ssn(" "), State=new.ssn("\u2013")),
        new.record("Gus")[:-2],
        [*new.record("Hal"), new.both()],
        new.record("Ida", Notes=f"{new.both()} {'x' * (17 << 20)} {new.both()}"),
        new.record("Jon", Notes=f"{'x' * 9_995}{new.both()}", **{"Judgment Amount": "none"}),
        new.record("Kim", Notes=f"{new.both()}\0{new.both()}"),
    )
    damaged = (
        ",".join(new.record("Lee")).replace("Notes", '"Notes').encode(),
        ",".join(new.record("Max")).encode() + b"\xff\x96" + new.ssn("\u2013").encode("cp1252"),
        ",".join(new.record("Ned")).encode("cp1252").replace(b"-", b"\x96"),
        ",".join(new.record("Oda")).encode(),
    )
    with path.open("ab") as file:
        file.write(b"\r\n".join([*damaged, b""]))
    scene.moat("import", str(path), *UTF_8)
    scene.moat("import", str(path), *UTF_8, *COMMIT)
    assert scene.leaks() == {}
    codes = {code for (code,) in scene.conn.execute("select error_code from ingest.v_rejects")}
    assert codes == {
        "INVALID_AMOUNT", "AMOUNT_OUT_OF_RANGE", "INVALID_DATE", "MISSING_PLAINTIFF_NAME", "WRONG_FIELD_COUNT",
        "MALFORMED_RECORD", "NUL_BYTE", "UNCLOSED_QUOTE", "BAD_ENCODING",
    }  # fmt: skip


def test_a_malformed_record_is_kept_without_its_numbers(scene: Scene) -> None:
    """Where no column is sensitive, the text of a record that nobody could read is kept, redacted as a whole."""
    new = scene.canaries
    path = write_csv(scene.folder / "plain.csv", [["Plaintiff Name", "Email", "Notes"], ["Ada", new.both(), "valid"]])
    lines = (
        new.both(),
        f"Ben,{new.ssn(' ')},{new.card(',')},",
        f'Dot,"{new.ssn()} " {new.card("-")},',
        f"Eve,{new.ssn('%2D')},{new.card('/')}\xad,",
        f'Fay,"{new.both()}\nEva",{new.ssn("")},"',
    )
    with path.open("ab") as file:
        file.write("\n".join([*lines, ""]).encode())
        file.write(b"Gus," + new.ssn("\xad").encode("latin-1") + b"," + new.ssn("\u2013").encode("cp1252") + b"\n")
    scene.moat("import", str(path), *UTF_8)
    scene.moat("import", str(path), *UTF_8, *COMMIT)
    assert scene.leaks() == {}
    (kept,) = scene.conn.execute("select string_agg(raw_payload::text, '') from ingest.v_rejects").fetchone()
    assert "REDACTED" in kept


def test_refused_files_do_not_tell(scene: Scene) -> None:
    """What is no delivery is refused in a sentence that quotes no number, whatever its header is."""
    new = scene.canaries
    twice = new.both()
    contents = {
        "no header": f"{new.both()},{new.both()}\n{new.both()},1\n".encode(),
        "no header, a number in the name": f"Ada Lovelace {new.ssn('')},{new.card('')}\nBen,1\n".encode(),
        "no column for the name": f"Ref {new.both()},{new.ssn()}\n1,2\n".encode(),
        "groups far apart": f"Ref,{new.ssn('    ')},{new.ssn(chr(0x200B))}\n1,2,3\n".encode(),
        "one name twice": f"Name,{twice},{twice}\n1,2,3\n".encode(),
        "two columns for one": f"Name,NAME,{new.both()}\n1,2,{new.both()}\n".encode(),
        "a column without a name": f"Name,,{new.both()}\n1,2,{new.both()}\n".encode(),
        "a quote never closed": f'Name,"{new.both()}\n1,{new.both()}\n'.encode(),
        "not UTF-8": f"Name,{new.both()}".encode() + b"\xff\n1," + new.ssn("\u2013").encode("cp1252") + b"\n",
        "binary": f"Name,{new.both()}\0\0\n1,{new.both()}\n".encode(),
        "another delimiter": f"Name:{new.both()}:x\n1:{new.both()}:2\n".encode(),
        "CR alone": f"Name,{new.both()}\r1,{new.both()}\r".encode(),
        "nothing but a header": f"Name,{new.both()}\n".encode(),
    }
    paths = []
    for name, content in contents.items():
        paths.append(scene.folder / f"{name} {new.both()}.csv")
        paths[-1].write_bytes(content)
    scene.moat("import", *map(str, paths), *COMMIT)
    scene.moat("import", *map(str, paths), "--verbose")
    assert scene.leaks() == {}
    assert scene.said("stdout").count('"error"') >= len(contents) - 2


def test_what_is_given_on_the_command_line_does_not_come_back(scene: Scene) -> None:
    """Files that are not there, mappings, urls, runs and options that hold a number are refused without it."""
    new = scene.canaries
    good = str(scene.file())
    for arguments in (
        ("import", f"/nowhere/{new.both()}.csv"),
        ("import", good, "--mapping", new.both()),
        ("import", good, "--mapping", f"/nowhere/{new.both()}.toml"),
        ("import", good, "--db", f"postgresql://{new.ssn()}:{new.card('')}@127.0.0.1:9/{new.ssn('')}"),
        ("import", good, f"--{new.ssn()}"),
        ("import", good, "--limit", new.both()),
        ("show", new.both()),
        (new.both(),),
    ):
        assert scene.moat(*arguments) == 2, arguments
    assert scene.leaks() == {}


def test_file_names_do_not_tell(scene: Scene) -> None:
    """Neither a run's file name nor the batch id that is made of it holds a number, however it is spelled."""
    paths = []
    for ssn, card in (
        ("-", " "), ("", ""), (".", "-"), ("_", "_"), ("\u2011", "\xa0"), ("%2D", "%20"), ("\uff0d", "\u2013"),
        ("\n", "\n"), ("\x1b", " "), ("\u200b", "\u200b"),
    ):  # fmt: skip
        name = f"a {scene.canaries.ssn(ssn)} b {scene.canaries.card(card)}.csv"
        paths.append(scene.folder / name)
    digits = scene.canaries.ssn("")
    paths.append(scene.folder / f"{digits[:5]}\u200b{digits[5:]}.csv")
    for number, path in enumerate(paths):
        path.write_text(f"Name,Email\nAda {number},ada@example.com\n", encoding="utf-8")
    assert scene.moat("import", *map(str, paths), *COMMIT) == 0
    assert scene.moat("import", *map(str, paths), "--verbose") == 0
    scene.moat("runs")
    assert scene.leaks() == {}


FAULTS = {
    "number": "perform new.plaintiff_name::numeric;",
    "date": "perform new.court::date;",
    "length": "short := new.plaintiff_name;",
    "encoding": "perform convert_from(convert_to(new.court, 'UTF8') || '\\xff'::bytea, 'UTF8');",
    "unique": "insert into public.seen values (new.court, ''), (new.court, '');",
    "not null": "insert into public.seen values (new.court, null);",
    "check": "insert into public.seen values (new.court, new.plaintiff_name);",
    "message": "raise exception 'cannot take %', new using detail = new::text, hint = new.court;",
    "statement": "execute format('select %L::int', new.court);",
}


def test_a_database_that_fails_on_a_row_does_not_tell(scene: Scene) -> None:
    """PostgreSQL quotes the row in message, DETAIL, HINT and CONTEXT; of all that only the SQLSTATE comes out."""
    scene.execute("create table public.seen (value text unique, twin text not null check (twin = ''))")
    scene.execute("grant all on public.seen to public")
    cases = "".join(f" when '{fault}' then {statement}" for fault, statement in FAULTS.items())
    scene.before_each_row("fault", f"case new.contact_name {cases} end case;")
    files = [str(scene.file(scene.canaries.record("Ada", **{"Contact Name": fault}), name=fault)) for fault in FAULTS]
    assert scene.moat("import", *files, *COMMIT) == 3
    assert scene.moat("import", *files[:2], "--commit") == 3
    scene.show_everything()
    assert scene.leaks() == {}
    runs = scene.conn.execute("select status::text, error_details ->> 'sqlstate' from ingest.import_runs").fetchall()
    assert {status for status, _ in runs} == {"failed"}
    assert sorted(state for _, state in runs) == sorted(
        ["22P02", "22007", "22001", "22021", "23505", "23502", "23514", "P0001", "22P02"]
    )


LAND_TWICE = """
import logging, sys
from dataclasses import replace
from plaintiff_moat.delivery import open_delivery
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import connect, resolve
from plaintiff_moat.ledger.landing import land
from plaintiff_moat.redaction import install

install()
logging.basicConfig(level=logging.DEBUG)
delivery = open_delivery(sys.argv[1], source_system="manual")
with connect(resolve()) as conn:
    client = IngestClaimClient(conn)
    claim = client.claim("manual", delivery.batch_id, delivery.scan.file_hash, delivery.filename)
    chunk = delivery.scan.chunks[0]
    rows = delivery.rows(chunk)
    other = replace(chunk, number=1)
    for landed, frame in ((chunk, rows.with_columns(raw_payload=rows["court"])), (chunk, rows), (other, rows)):
        try:
            land(conn, client.lease(claim.run_id), landed, frame)
        except Exception:
            logging.exception("not landed: %s", frame.rows()[0])
    conn.execute("insert into ingest.import_runs (filename) values (%s)", [rows["court"][0]])
"""


def test_a_program_that_lands_rows_twice_does_not_tell(scene: Scene) -> None:
    """A value that is no JSON, rows that are there already, an error that nobody catches, with `install()` alone."""
    assert scene.moat(str(scene.file()), python=("-c", LAND_TWICE)) == 1
    assert [state for state in ("22P02", "23505", "23502") if state not in scene.said("stderr")] == []
    assert scene.leaks() == {}


@pytest.mark.parametrize("setting", ["lock_timeout", "statement_timeout"])
def test_a_timeout_in_the_middle_of_a_row_does_not_tell(scene: Scene, setting: str) -> None:
    """The landing waits at the second row until the server gives up on it."""
    scene.pause_at(2, PAUSE)
    scene.execute(f"select pg_advisory_lock({PAUSE})")
    scene.execute(f"do $$ begin execute format('alter database %I set {setting} = 2000', current_database()); end $$")
    assert scene.moat("import", str(scene.file()), *COMMIT) in {2, 3}
    assert scene.leaks() == {}


@pytest.mark.parametrize("end", ["terminate", "cancel"])
def test_an_end_from_outside_does_not_tell(scene: Scene, end: str) -> None:
    """The server's administrator kills the connection, or cancels the statement, that copies the second row."""
    scene.pause_at(2, PAUSE)
    scene.execute(f"select pg_advisory_lock({PAUSE})")
    function = {"terminate": "pg_terminate_backend", "cancel": "pg_cancel_backend"}[end]
    with scene.started("import", str(scene.file()), *COMMIT, *IMPATIENT) as process:
        scene.execute(f"select {function}({scene.until_waiting('advisory')})")
    assert process.returncode in {2, 3}
    assert scene.leaks() == {}


def test_a_deadlock_does_not_tell(scene: Scene, db_url: str) -> None:
    """The landing waits at its third row for somebody who waits for it, and is the one that is given up."""
    scene.pause_at(2, PAUSE)
    scene.pause_at(3, SECOND_PAUSE)
    scene.execute(f"select pg_advisory_lock({PAUSE})")
    with (
        connect(Database(db_url, embedded=True), autocommit=False) as other,
        ThreadPoolExecutor(1) as pool,
        scene.started("import", str(scene.file()), *COMMIT, *IMPATIENT) as process,
    ):
        scene.until_waiting("advisory")
        other.execute("set local deadlock_timeout = '1min'")
        other.execute("select pg_advisory_xact_lock(%s)", [SECOND_PAUSE])
        granted = pool.submit(other.execute, "lock table ingest.landed_chunks in access exclusive mode")
        scene.until_waiting("relation")
        scene.execute(f"select pg_advisory_unlock({PAUSE})")
        granted.result()
        other.rollback()
    assert process.returncode == 3
    assert "40P01" in scene.said("stderr")
    assert scene.leaks() == {}


def test_the_search_finds_a_number_in_any_disguise() -> None:
    """NFKC, escapes of JSON and separators of any kind do not hide a canary from these tests."""
    canaries = Canaries("search")
    texts = [
        canaries.ssn("\u2011"), canaries.ssn("\\u2011"), canaries.card("\n"), canaries.card("x"),
        "".join(chr(0xFF10 + int(digit)) for digit in canaries.ssn("")),
    ]  # fmt: skip
    assert canaries.found(dict(enumerate(texts))) == {at: [number] for at, number in enumerate(canaries.numbers)}
