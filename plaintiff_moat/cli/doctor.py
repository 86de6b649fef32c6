"""`moat doctor`: a line for each thing looked at, and a line of advice where it needs one."""

from dataclasses import asdict

import click

from plaintiff_moat.cli.exits import Exit, Verdict

__all__ = ["doctor"]

_SIGNS = {"ok": "ok  ", "note": "note", "problem": "!   "}


@click.command()
@click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def doctor(db: str | None, as_json: bool) -> int:
    """Look at the connection, the server, its roles, migrations and runs, and say what needs a hand. Writes nothing.

    Exit codes: 0 nothing needs a hand, 1 something does, 2 bad usage or configuration, no connection among it.
    """
    from plaintiff_moat.cli import output
    from plaintiff_moat.doctor import examine
    from plaintiff_moat.ledger.connect import resolve_as_it_is
    from plaintiff_moat.redaction import redact

    findings = list(examine(resolve_as_it_is(db)))
    problems = [finding.check for finding in findings if finding.level == "problem"]
    if as_json:
        output.show_json({"healthy": not problems, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{_SIGNS[finding.level]} {finding.check:<11} {redact(finding.found)}")
            if finding.advice:
                click.echo(f"{'':<17}{redact(finding.advice)}")
    if "connection" in problems:
        return Exit.REFUSED
    return Verdict.BROKEN if problems else Verdict.HOLDS
