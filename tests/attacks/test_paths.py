"""Paths that are no deliveries, and mappings that reach for what is not theirs: refused, and nothing is written."""

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from import_steps import active, everything

from plaintiff_moat.cli.main import moat
from plaintiff_moat.errors import BadInput, BadMapping
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database

Make = Callable[[Path], Path]

_NOT_THEIRS = (
    "import_run_id", "run_no", "row_number", "attempt", "chunk_no", "line_start", "dedupe_key", "error_code",
    "error_message", "warnings", "raw_payload", "extra", "status", "source_system",
    "plaintiff_name; drop schema ingest", "__class__",
)  # fmt: skip
_HEADER = "Plaintiff Name,Email,Key\nAda,ada@example.com,1\n"


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "delivery.csv")
    return folder / "delivery.csv"


def _directory(folder: Path) -> Path:
    (folder / "delivery.csv").mkdir()
    return folder / "delivery.csv"


def _socket(folder: Path) -> Path:
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket has no more than a hundred bytes
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("delivery.csv")
    finally:
        os.chdir(here)
    return folder / "delivery.csv"


def _link_in_a_circle(folder: Path) -> Path:
    (folder / "delivery.csv").symlink_to("delivery.csv")
    return folder / "delivery.csv"


def _link_to_a_device(folder: Path) -> Path:
    (folder / "delivery.csv").symlink_to("/dev/zero")
    return folder / "delivery.csv"


_NO_DELIVERIES: dict[str, Make] = {
    "a pipe that nobody writes to": _fifo,
    "a directory": _directory,
    "a socket": _socket,
    "a link to itself": _link_in_a_circle,
    "a link to a device": _link_to_a_device,
    "a device without an end": lambda _: Path("/dev/zero"),
    "a terminal or nothing": lambda _: Path("/dev/stdin"),
    "nothing": lambda folder: folder / "absent.csv",
    "a file as a folder": lambda folder: (folder / "x").write_text("x") and folder / "x" / "delivery.csv",
    "a NUL byte": lambda folder: folder / "a\0b.csv",
    "a name of 4,000 characters": lambda folder: folder / f"{'x' * 4000}.csv",
    "memory of the process": lambda _: Path("/proc/self/mem"),
}


def test_what_is_no_delivery_is_refused(database: Database, conn: psycopg.Connection, tmp_path: Path) -> None:
    """It is refused without being read, so that neither a pipe nor a device without an end holds the importer up."""
    nothing = everything(conn)
    for number, (kind, make) in enumerate(_NO_DELIVERIES.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(BadInput) as refusal:
            import_file(make(folder), database)
        assert len(str(refusal.value)) < 5000, kind
    assert everything(conn) == nothing


def test_a_file_without_permission_is_refused(database: Database, tmp_path: Path) -> None:
    """A file that this user may not read is refused with the remedy; as root, who may, another user tries."""
    path = tmp_path / "delivery.csv"
    path.write_text(_HEADER, encoding="utf-8")
    path.chmod(0)
    code = (
        "import os, sys\n"
        "from plaintiff_moat.errors import BadInput\n"
        "from plaintiff_moat.source.scan import scan\n"
        "os.chdir(sys.argv[1])\n"
        "if os.getuid() == 0: os.setuid(int(sys.argv[2]))\n"
        "try: scan('delivery.csv')\n"
        "except BadInput as refusal: print(refusal)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(pwd.getpwnam("nobody").pw_uid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "permission" in said
    assert str(database.url) not in said


def test_a_link_is_followed_to_the_file(database: Database, conn: psycopg.Connection, tmp_path: Path) -> None:
    """A symbolic link stands for its file, whose bytes are hashed; the run bears the name that was given."""
    (tmp_path / "real.csv").write_text(_HEADER, encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert import_file(tmp_path / "link.csv", database).rows_inserted == 1
    assert conn.execute("select filename from ingest.v_runs").fetchall() == [("link.csv",)]


def test_a_run_bears_no_folder(database: Database, conn: psycopg.Connection, tmp_path: Path) -> None:
    """Of a path only the last name is kept, and of that only what can be printed."""
    path = tmp_path / "a\x1b[2Jb\n.csv"
    path.write_text(_HEADER, encoding="utf-8")
    import_file(os.path.relpath(path), database)
    shown = "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}.csv"
    assert conn.execute("select filename from ingest.v_runs").fetchall() == [(shown,)]


def test_a_claim_by_hand_with_a_strange_name(conn: psycopg.Connection) -> None:
    """A file name that a client of its own sends, however long, is kept as data."""
    names = ["x" * 4000, "../../etc/passwd", "a\x1b[2J", "'; drop schema ingest cascade; --"]
    client = IngestClaimClient(conn)
    for number, name in enumerate(names):
        client.claim("simplicity", f"batch-{number}", "00" * 32, filename=name)
    assert conn.execute("select filename from ingest.v_runs order by source_batch_id").fetchall() == [
        (name,) for name in names
    ]


def test_a_mapping_fills_no_column_of_the_ledger(database: Database, conn: psycopg.Connection, tmp_path: Path) -> None:
    """Only canonical columns can be filled or be an identity: those that the ledger keeps for itself are unknown."""
    delivery, mapping = tmp_path / "delivery.csv", tmp_path / "own.toml"
    delivery.write_text(_HEADER, encoding="utf-8")
    nothing = everything(conn)
    for column in _NOT_THEIRS:
        for text in (
            f'name = "own"\nversion = 1\n[columns]\nplaintiff_name = ["Plaintiff Name"]\n"{column}" = ["Key"]\n',
            f'name = "own"\nversion = 1\nidentity = ["{column}"]\n[columns]\nplaintiff_name = ["Plaintiff Name"]\n',
        ):
            mapping.write_text(text, encoding="utf-8")
            with pytest.raises(BadMapping, match="unknown"):
                import_file(delivery, database, mapping=str(mapping))
    assert everything(conn) == nothing


def test_a_header_that_is_named_like_a_column_of_the_ledger(
    database: Database, conn: psycopg.Connection, tmp_path: Path
) -> None:
    """A file's own columns of such names are data: they go to `extra`."""
    names = [name for name in _NOT_THEIRS if name.isidentifier()]
    path = tmp_path / "delivery.csv"
    path.write_text(f"plaintiff_name,{','.join(names)}\nAda{',x' * len(names)}\n", encoding="utf-8")
    assert import_file(path, database).rows_inserted == 1
    assert active(conn) == {"Ada"}
    ((extra,),) = conn.execute("select extra from ingest.v_plaintiffs").fetchall()
    assert extra.items() <= dict.fromkeys(names, "x").items()
    assert len(extra) > len(names) - 3


def test_a_source_system_opens_no_file(database: Database, tmp_path: Path) -> None:
    """A source system that looks like a path chooses no mapping by it."""
    path = tmp_path / "delivery.csv"
    path.write_text(_HEADER, encoding="utf-8")
    for source_system in ("../mappings/simplicity", "simplicity.toml", "/etc/passwd"):
        assert import_file(path, database, source_system=source_system).mapping == "generic"
    for name in ("simplicity\0", "\x1b[2J", "\udcff"):
        for given in ({"source_system": name}, {"batch_id": name}, {"worker_id": name}):
            with pytest.raises(BadInput, match="control character"):
                import_file(path, database, **given)


def test_what_a_terminal_would_obey_is_not_printed(database: Database, tmp_path: Path) -> None:
    """Escape sequences of a file's name, a mapping's path and a reason come out as replacement characters."""
    path = tmp_path / "delivery.csv"
    path.write_text(_HEADER, encoding="utf-8")
    run_id = str(import_file(path, database).run_id)
    with psycopg.connect(database.url) as conn:
        conn.execute("select ingest.rollback_import_run(%s, %s)", (run_id, "\x1b[2J\u202ereason"))
    refused = subprocess.run(
        [sys.executable, "-m", "plaintiff_moat", "import", str(path), "--mapping", "\x1b]0;owned\x07"],
        capture_output=True,
        text=True,
        check=False,
    )
    shown = CliRunner().invoke(moat, ["show", run_id, "--db", database.url])
    assert ("no mapping" in refused.stderr, "reason" in shown.output) == (True, True)
    assert not set(refused.stderr + shown.output) & {"\x1b", "\x07", "\u202e"}
