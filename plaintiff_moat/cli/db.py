"""The database: the embedded server's life, and migrations."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

__all__ = ["db"]

_UP_TO_DATE = "nothing to apply: the database has every migration"
_SUPABASE_URLS = {"dev": "SUPABASE_DB_URL_DEV", "prod": "SUPABASE_DB_URL_PROD"}


@click.group()
def db() -> None:
    """The database: embedded server and migrations."""


@db.command()
def url() -> None:
    """Start the embedded server if need be, migrate it, and print its owner's URL."""
    from plaintiff_moat.ledger.embedded import EmbeddedServer

    _start()
    click.echo(EmbeddedServer.default().url())


@db.command()
def start() -> None:
    """Start the embedded server and migrate it."""
    _start()
    click.echo("the embedded server runs; `moat db stop` stops it", err=True)


def _start() -> None:
    from plaintiff_moat.ledger.connect import embedded_database

    embedded_database()


@db.command()
def stop() -> None:
    """Stop the embedded server."""
    from plaintiff_moat.ledger.embedded import EmbeddedServer

    stopped = EmbeddedServer.default().stop()
    click.echo("stopped" if stopped else "the embedded server was not running", err=True)


@db.command()
@click.option("--force", is_flag=True, help="Do not ask.")
def destroy(force: bool) -> None:
    """Stop the embedded server and delete its data for good."""
    from plaintiff_moat.ledger.embedded import EmbeddedServer

    server = EmbeddedServer.default()
    if not force:
        click.confirm(f"delete the embedded database of {server.home}, with everything in it?", abort=True, err=True)
    server.destroy()
    click.echo("deleted", err=True)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def status(as_json: bool) -> None:
    """Say whether the embedded server runs, and where it lives."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.embedded import EmbeddedServer

    if os.environ.get("MOAT_DATABASE_URL"):
        click.echo("moat: MOAT_DATABASE_URL is set and is what imports use; this is the embedded server", err=True)
    record = asdict(EmbeddedServer.default().status())
    if as_json:
        output.show_json(record)
    else:
        output.show_record(record)


@db.command()
@click.option("--db", "db_url", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")
@click.option(
    "--supabase-env",
    type=click.Choice(list(_SUPABASE_URLS)),
    help="Take the URL from SUPABASE_DB_URL_DEV or SUPABASE_DB_URL_PROD; prod is asked for first.",
)
@click.option("--force", is_flag=True, help="Do not ask before prod.")
@click.option("--dry-run", is_flag=True, help="Say what would be applied; write nothing.")
def push(db_url: str | None, supabase_env: str | None, force: bool, dry_run: bool) -> None:
    """Apply the migrations that the database lacks, each in a transaction of its own."""
    from plaintiff_moat.ledger.connect import connect, resolve
    from plaintiff_moat.ledger.migrate import push as push_migrations

    if supabase_env is not None:
        variable = _SUPABASE_URLS[supabase_env]
        if db_url is not None or variable not in os.environ:
            raise click.UsageError(f"--supabase-env {supabase_env} takes the URL from {variable}: set it, without --db")
        db_url = os.environ[variable]
        if supabase_env == "prod" and not force and not dry_run:
            click.confirm("apply the migrations to prod?", abort=True, err=True)
    if dry_run:
        _show_what_would_be_applied(db_url)
        return
    with connect(resolve(db_url)) as conn:
        applied = push_migrations(conn)
    for migration in applied:
        click.echo(f"applied {migration.version}_{migration.name}")
    if not applied:
        click.echo(_UP_TO_DATE)


def _show_what_would_be_applied(db_url: str | None) -> None:
    from plaintiff_moat.ledger.connect import connect, resolve_as_it_is
    from plaintiff_moat.ledger.migrate import migrations, to_apply

    database = resolve_as_it_is(db_url)
    if database is None:
        lacking = migrations()
    else:
        with connect(database) as conn:
            lacking = to_apply(conn)
    for migration in lacking:
        click.echo(f"would apply {migration.version}_{migration.name}")
    if not lacking:
        click.echo(_UP_TO_DATE)


@db.command(context_settings={"ignore_unknown_options": True})
@click.option("--db", "db_url", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- PSQL ARGUMENTS...]")
def psql(db_url: str | None, arguments: Sequence[str]) -> None:
    """Open psql on the database."""
    from plaintiff_moat.ledger.connect import libpq_environment, resolve
    from plaintiff_moat.ledger.connect import psql as psql_for

    database = resolve(db_url)
    program = psql_for(database)
    sys.stdout.flush()
    # the connection goes through the environment: arguments are visible to every user of the machine
    os.execve(program, [program, *arguments], os.environ | libpq_environment(database))  # noqa: S606
