"""What an auditor asks: verify, checkpoint, certificate, trace."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from plaintiff_moat.cli.exits import Verdict
from plaintiff_moat.cli.options import opened_ledger, run_options
from plaintiff_moat.cli.terminal import harmless
from plaintiff_moat.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from plaintiff_moat.evidence import Checkpoint, Finding, Opened

__all__ = ["certificate", "checkpoint", "trace", "verify"]

_FILE = click.Path(path_type=Path)
_COLUMNS_OF_ORIGINS = {
    "id": "run",
    "row_number": "row",
    "status": "outcome",
    "source_system": "source",
    "filename": "file",
    "lines": "lines",
    "chunk_no": "chunk",
    "bytes": "bytes of the chunk",
    "fixes": "fixes",
    "landed_at": "landed at",
    "completed_at": "published at",
    "rolled_back_at": "rolled back at",
}


@click.command()
@click.argument("run", required=False)
@click.option("--all", "everything", is_flag=True, help="Every run, and what is of no single run; the default.")
@click.option("--file", type=_FILE, help="The delivered file of RUN, to be held against its digests.")
@click.option("--member", help="The file that was taken out of it, where it is a zip archive with several.")
@click.option("--sheet", help="The sheet that was taken, where it is a workbook and it was not the first.")
@click.option("--checkpoint", "checkpoint_file", type=_FILE, help="A checkpoint that was kept outside the database.")
@run_options
def verify(
    run: str | None,
    everything: bool,
    file: Path | None,
    member: str | None,
    sheet: str | None,
    checkpoint_file: Path | None,
    db: str | None,
    as_json: bool,
) -> int:
    """Recompute the chains of events and recount; name the first thing that does not hold.

    Exit codes: 0 all holds, 1 something does not, 2 bad usage or input.
    """
    if run is not None and everything:
        raise click.UsageError("name a RUN or say --all, not both")
    if run is None and file is not None:
        raise click.UsageError("--file is the delivery of one run: name the RUN as well")
    from plaintiff_moat.audit import verify as verify_ledger
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.runs import find_run

    kept = _read_checkpoint(checkpoint_file)
    with opened_ledger(db) as ledger:
        run_id = None if run is None else ledger.do(partial(find_run, text=run))["id"]
        content = _content_of(file, member, sheet)
        report = ledger.do(lambda conn: verify_ledger(conn, run_id, file=file, content=content, checkpoint=kept))
    if as_json:
        output.show_json({"holds": report.holds, **asdict(report)})
    elif report.finding is None:
        counts = ((report.runs, "run"), (report.events, "event"), (report.records, "record"))
        looked_at = ", ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in counts)
        click.echo(f"all holds: {looked_at} in {report.seconds:.2f} s")
        if file is not None:
            click.echo(f"  {harmless(file.name)} is the file that was landed, chunk by chunk")
        if kept is not None:
            click.echo(f"  what checkpoint {kept.number} of {kept.at[:19]} UTC holds of it is as it was then")
    else:
        _show_finding(report.finding)
    return Verdict.HOLDS if report.holds else Verdict.BROKEN


@click.command()
@click.option("-o", "--output", "target", type=_FILE, help="The file to write, which must be new; else stdout.")
@click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")
def checkpoint(target: Path | None, db: str | None) -> None:
    """Put the heads of all chains under one root, to be kept outside the database."""
    from plaintiff_moat.attest import make_checkpoint
    from plaintiff_moat.ledger.evidence import newest_checkpoint

    if target is not None and target.exists():
        raise BadInput(f"{target}: expected a new file, found one; a checkpoint is kept, never replaced")
    with opened_ledger(db) as ledger:
        made = ledger.do(partial(make_checkpoint, since=ledger.do(newest_checkpoint)))
    if target is None:
        click.echo(made.dumps(), nl=False)
    else:
        _write(target, made.dumps().encode())
    click.echo(f"moat: checkpoint {made.number} over {made.tree_size} runs, root {made.root.hex()}", err=True)


@click.command()
@click.argument("run", required=False)
@click.option(
    "-o", "--output", "target", type=_FILE, help="run.json or run.pdf, which must be new; else JSON on stdout."
)
@click.option("--check", type=_FILE, metavar="FILE", help="Verify a certificate, JSON or PDF, without a database.")
@click.option("--file", type=_FILE, help="With --check: the delivered file, to be held against the certificate.")
@click.option("--member", help="The file that was taken out of it, where it is a zip archive with several.")
@click.option("--sheet", help="The sheet that was taken, where it is a workbook and it was not the first.")
@click.option("--checkpoint", "checkpoint_file", type=_FILE, help="With --check: a checkpoint that was kept.")
@click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")
def certificate(
    run: str | None,
    target: Path | None,
    check: Path | None,
    file: Path | None,
    member: str | None,
    sheet: str | None,
    checkpoint_file: Path | None,
    db: str | None,
) -> int:
    """Certify a RUN: what was delivered, by whom, when, what became of it, and the proof. Or check a certificate.

    Exit codes: 0 made or good, 1 something does not hold, 2 bad usage or input.
    """
    if (run is None) == (check is None):
        raise click.UsageError("name a RUN to certify, or a certificate with --check")
    if check is not None:
        return _check(check, file, member, sheet, _read_checkpoint(checkpoint_file))
    if run is None or file is not None or checkpoint_file is not None:
        raise click.UsageError("--file and --checkpoint go with --check")
    if target is not None and target.suffix.lower() not in {".json", ".pdf"}:
        raise click.UsageError("-o names a file that ends in .json or .pdf")
    if target is not None and target.exists():
        raise BadInput(f"{target}: expected a new file, found one; a certificate is kept, never replaced")
    from plaintiff_moat.attest import make_certificate
    from plaintiff_moat.evidence.pdf import render
    from plaintiff_moat.ledger.runs import find_run

    with opened_ledger(db) as ledger:
        made = ledger.do(lambda conn: make_certificate(conn, find_run(conn, run)["id"]))
    if target is None:
        click.echo(made.text, nl=False)
        return Verdict.HOLDS
    _write(target, made.text.encode() if target.suffix.lower() == ".json" else render(made.text))
    head = made.document["head"]["hash"]
    click.echo(f"moat: certificate of run {made.document['run']['run']}, chain head {head}", err=True)
    return Verdict.HOLDS


def _content_of(file: Path | None, member: str | None, sheet: str | None) -> "Callable[[], Opened | None] | None":
    """What opens the delivered file where it is a container; None where there is none."""
    from plaintiff_moat.containers.unpack import unpacked

    return None if file is None else partial(unpacked, file, member=member, sheet=sheet)


def _check(path: Path, file: Path | None, member: str | None, sheet: str | None, kept: "Checkpoint | None") -> Verdict:
    """Shows what a certificate proves by itself, and what it does not."""
    from plaintiff_moat.evidence.certificates import check_certificate, check_delivery, not_proved, read_certificate

    certificate = read_certificate(path)
    checked = check_certificate(certificate, kept)
    finding = checked.finding
    if finding is None and file is not None:
        finding = check_delivery(certificate, file, _content_of(file, member, sheet))
    for statement in checked.holds:
        click.echo(f"  holds: {statement}")
    if finding is not None:
        _show_finding(finding)
        return Verdict.BROKEN
    if file is not None:
        click.echo(f"  holds: {harmless(file.name)} is the delivered file, chunk by chunk")
    click.echo(f"the certificate of run {checked.run} holds")
    for statement in not_proved(certificate, checkpoint=kept, has_file=file is not None):
        click.echo(f"  not proved offline: {statement}")
    return Verdict.HOLDS


@click.command()
@click.option("--row", metavar="RUN:N", help="A record by its run (id or the beginning of it) and row number.")
@click.option("--key", type=click.UUID, help="A record by its dedupe key.")
@run_options
def trace(row: str | None, key: UUID | None, db: str | None, as_json: bool) -> None:
    """Follow a plaintiff's record back to its bytes: file, chunk, lines, and every delivery that held it."""
    if (row is None) == (key is None):
        raise click.UsageError("name a record by --row RUN:N or by --key KEY")
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.evidence import record_origins
    from plaintiff_moat.ledger.runs import find_run

    with opened_ledger(db) as ledger:
        if row is not None:
            run, number = _row(row)
            run_id = ledger.do(partial(find_run, text=run))["id"]
            origins = ledger.do(partial(record_origins, row=(run_id, number)))
            if not origins:
                raise BadInput(f"run {run_id} has no row {number}: its records are numbered from 1")
            key = origins[0]["dedupe_key"]
        if key is not None:
            origins = ledger.do(partial(record_origins, key=key))
    if not origins:
        raise BadInput(f"no record that was ever landed has key {key}")
    if as_json:
        output.show_json({"dedupe_key": key, "origins": origins})
    else:
        _show_origins(key, origins)


def _show_origins(key: UUID | None, origins: list[dict[str, Any]]) -> None:
    from plaintiff_moat.cli import output

    if key is None:
        click.echo(f"a reject ({origins[0]['error_code']}): it has no key, and no other delivery is looked for")
    else:
        active = [origin for origin in origins if origin["status"] == "inserted"]
        by = (
            f"represented by row {active[0]['row_number']} of run {active[0]['import_run_id']}"
            if active
            else "not active"
        )
        click.echo(f"key {key}: {by}")
    for origin in origins:
        origin["id"] = origin["import_run_id"]
        first, last = origin["line_start"], origin["line_end"]
        origin["lines"] = str(first) if first == last else f"{first}-{last}"
        # a record that was rejected again stands for the reject, and fixes nothing
        fixes = origin["replays_row"] is not None and origin["error_code"] is None
        origin["fixes"] = f"row {origin['replays_row']} of run {origin['replays']}" if fixes else None
        origin["bytes"] = f"{origin['byte_start']}-{origin['byte_end'] - 1}" if origin["byte_end"] else None
    output.show_table(origins, _COLUMNS_OF_ORIGINS, empty="")


def _row(text: str) -> tuple[str, int]:
    run, _, number = text.rpartition(":")
    if not run or not (number.isascii() and number.isdigit()) or len(number) > 9:  # noqa: PLR2004 - an integer's digits
        raise click.UsageError("--row takes RUN:N, such as 3442b389:17")
    return run, int(number)


def _read_checkpoint(path: Path | None) -> "Checkpoint | None":
    if path is None:
        return None
    from plaintiff_moat.evidence import Checkpoint

    try:
        return Checkpoint.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{path}: expected a checkpoint, found no text file that can be read") from None


def _write(target: Path, content: bytes) -> None:
    try:
        target.write_bytes(content)
    except OSError as fault:
        raise BadInput(f"{target}: cannot be written: {fault.strerror}") from None


def _show_finding(finding: "Finding") -> None:
    click.echo(harmless(f"does not hold ({finding.check}): {finding}"))
