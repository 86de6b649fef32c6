"""A ledger as a release leaves it: schema, history of migrations and data, as one SQL file.

`make snapshot` writes that of the present version to `releases/`, once, when it is released; every later version is
tested to upgrade it. The people in it are those of examples/.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from plaintiff_moat import __version__
from plaintiff_moat import delivery as deliveries
from plaintiff_moat.errors import RunFailed
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer, psql_binary

__all__ = [
    "INTERRUPTED",
    "RELEASES",
    "WEEK_1",
    "WEEK_2",
    "dump",
    "interrupted_delivery",
    "populate",
    "restore",
    "small_chunks",
]

RELEASES = Path(__file__).with_name("releases")
WEEK_1, WEEK_2 = (
    Path(__file__).parents[2] / "examples" / name for name in ("simplicity_export.csv", "simplicity_export_week2.csv")
)
INTERRUPTED = "acme"
_RECORDS = 60


def interrupted_delivery(folder: Path) -> Path:
    """Writes the delivery that `populate` leaves half landed, the same bytes each time."""
    path = folder / "acme_export.csv"
    lines = [f"Creditor {number:03},c{number:03}@example.com,CV-{number:03}" for number in range(_RECORDS)]
    path.write_text("\n".join(["Plaintiff Name,Email,Case Number", *lines, ""]), encoding="utf-8")
    return path


def populate(database: Database, folder: Path) -> None:
    """Both weeks completed, a delivery undone, and one that was interrupted half-way."""
    import_file(WEEK_1, database, source_system="simplicity")
    import_file(WEEK_2, database, source_system="simplicity")
    undone = import_file(WEEK_2, database, source_system="jbi", mapping="simplicity")
    with connect(database) as conn:
        conn.execute("select ingest.rollback_import_run(%s, 'sent by mistake')", [undone.run_id])
    with suppress(RunFailed), small_chunks():
        import_file(
            interrupted_delivery(folder), database, source_system=INTERRUPTED, workers=1, on_progress=_interrupt
        )


@contextmanager
def small_chunks() -> Iterator[None]:
    """Inside, deliveries are cut into chunks of a few records: begun so, a run goes on so."""
    scan = deliveries.scan
    deliveries.scan = partial(scan, chunk_bytes=200)
    try:
        yield
    finally:
        deliveries.scan = scan


def dump(url: str, path: Path) -> None:
    """Writes the whole database as SQL."""
    options = ("--no-sync", "--exclude-schema=public", f"--file={path}")
    subprocess.run([psql_binary().with_name("pg_dump"), *options, f"--dbname={url}"], check=True)


def restore(path: Path, url: str) -> None:
    """Makes an empty database what the file says; the roles exist already."""
    options = ("--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--single-transaction")
    subprocess.run([psql_binary(), *options, f"--file={path}", f"--dbname={url}"], check=True)


def _interrupt(step: Progress) -> None:
    if step.done * 2 > step.total:
        raise OSError


def main() -> None:
    """Writes this version's snapshot; one that is there stays as it is."""
    path = RELEASES / f"{__version__}.sql"
    if path.exists():
        raise SystemExit(f"{path} exists: a release is recorded once")
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "moat")
        try:
            database = Database(server.start(), embedded=True)
            with connect(database) as conn:
                migrate.push(conn)
            populate(database, Path(folder))
            dump(database.url, path)
        finally:
            server.destroy()
    print(f"{path}: {path.stat().st_size:,} bytes")  # noqa: T201 - a script's answer


if __name__ == "__main__":
    main()
