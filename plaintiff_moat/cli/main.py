"""The command `moat`: its commands by name, and the one place where an error becomes a line and an exit code."""

import sys
from importlib import import_module
from typing import NoReturn

import click

from plaintiff_moat import __version__
from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.cli.process import set_up
from plaintiff_moat.cli.terminal import harmless
from plaintiff_moat.errors import MoatError
from plaintiff_moat.redaction import describe_error, install

__all__ = ["main", "run"]

_COMMANDS = {
    "import": ("imports", "import_files"),
    "inspect": ("inspecting", "inspect"),
    "runs": ("runs", "runs"),
    "show": ("runs", "show"),
    "rejects": ("rejects", "rejects"),
    "reconcile": ("runs", "reconcile"),
    "diff": ("undo", "diff"),
    "rollback": ("undo", "rollback"),
    "release": ("undo", "release"),
    "trace": ("evidence", "trace"),
    "verify": ("evidence", "verify"),
    "checkpoint": ("evidence", "checkpoint"),
    "certificate": ("evidence", "certificate"),
    "db": ("db", "db"),
    "doctor": ("doctor", "doctor"),
    "version": ("main", "version"),
}

_INTERRUPTED = "interrupted: nothing that was not complete is active; the same command goes on"


class _LazyGroup(click.Group):
    """Loads a command's module when the command is named or its help line is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name]
        command: click.Command = getattr(import_module(f"plaintiff_moat.cli.{module}"), attribute)
        return command


@click.version_option(__version__, prog_name="moat")
@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def moat() -> None:
    """Vendor CSV files of plaintiffs into PostgreSQL: once, whole, provably, and out again.

    Without --db and MOAT_DATABASE_URL an embedded PostgreSQL is used, started when needed. MOAT_HOME moves it.

    Exit codes: 0 done or duplicate, 1 another worker has it, 2 bad usage, input or configuration, 3 the run failed.
    Of verify and certificate: 0 all holds, 1 something does not.
    """


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def run(command: click.Command, prog_name: str) -> NoReturn:
    """Runs a command and exits. Every error ends as one line on stderr, redacted, without a traceback."""
    install()
    set_up()
    try:
        outcome = command.main(prog_name=prog_name, standalone_mode=False)
        code = outcome if isinstance(outcome, int) else Exit.DONE
    except click.ClickException as refusal:
        code = _complain(refusal.format_message(), Exit.REFUSED)
    except click.Abort as stop:
        # click makes an Abort of Ctrl-C as well as of a question that was not answered with yes
        interrupted = isinstance(stop.__cause__, KeyboardInterrupt)
        code = _complain(
            _INTERRUPTED if interrupted else "nothing was done", Exit.FAILED if interrupted else Exit.REFUSED
        )
    except MoatError as error:
        code = _complain(str(error), Exit.of_error(error))
    except Exception as fault:  # noqa: BLE001 - a traceback could show a vendor's data
        code = _complain(f"unexpected error, please report it: {describe_error(fault)}", Exit.FAILED)
    sys.exit(code)


def _complain(message: str, code: Exit) -> Exit:
    click.echo(f"moat: {harmless(message)}", err=True)
    return code


def main() -> NoReturn:
    """The entry point of `moat`."""
    run(moat, "moat")
