"""One small tree of exceptions; what each means for an exit code stands in `plaintiff_moat.cli.exits`.

Messages are lower case, say what was expected, what was found and what to do next, and never hold a
cell's value: a vendor's cell may be a social security number.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

__all__ = [
    "BadInput",
    "BadMapping",
    "ControlTotalMismatch",
    "DatabaseAway",
    "DatabaseFull",
    "DatabaseNotMigrated",
    "DatabaseUnreachable",
    "Drifted",
    "EvidenceBroken",
    "IdentityRequired",
    "LeaseLost",
    "MoatError",
    "NoSuchRun",
    "NotPermitted",
    "NotReleased",
    "RunFailed",
    "SourceChanged",
    "WrongRun",
]


class MoatError(Exception):
    """Anything that this project refuses or cannot do; its text is safe to show and to log.

    Whatever the text quotes, such as the name of a file that is not there, is redacted.
    """

    def __init__(self, message: str = "") -> None:
        from plaintiff_moat.redaction.text import redact  # noqa: PLC0415 - a start without an error is spared it

        super().__init__(redact(message))


class BadInput(MoatError):
    """The delivered file cannot be taken in as it is; nothing was written."""


class SourceChanged(BadInput):
    """The file's bytes are no longer those that were hashed; nothing of it was published."""


class ControlTotalMismatch(BadInput):
    """The file is not what its control totals say; nothing of it was published, unless it was before."""


class Drifted(BadInput):
    """The file differs from those before it, which was not to be; nothing of it was published.

    `findings` say in what, as plain data.
    """

    def __init__(self, message: str, findings: Sequence[Mapping[str, str | None]]) -> None:
        super().__init__(message)
        self.findings = findings


class BadMapping(MoatError):
    """A mapping is unknown, unreadable, or does not fit the header it was asked to read."""


class DatabaseUnreachable(MoatError):
    """No connection to the configured database, or the embedded one cannot be started."""


class DatabaseAway(DatabaseUnreachable):
    """The database was there and is not at the moment: it restarts, fails over, or dropped the connection."""


class DatabaseFull(MoatError):
    """The disk of the database is full; nothing of what was asked was kept."""


class NotPermitted(MoatError):
    """The database user may not do this."""


class DatabaseNotMigrated(MoatError):
    """The database lacks migrations that this version needs; `moat db push` applies them."""


class NoSuchRun(MoatError):
    """No run has this id."""


class WrongRun(MoatError):
    """What was asked cannot be done to this run, given what it is of and how it stands; nothing was done."""


class NotReleased(MoatError):
    """Somebody undid the run of this file, and nobody has released it: an unattended import leaves it alone.

    `run_id` is the run that was undone.
    """

    def __init__(self, run_id: UUID) -> None:
        super().__init__(
            f"run {run_id} of these bytes was rolled back: `moat release {run_id} --reason TEXT` lets unattended"
            " imports take the file again, `moat import FILE --commit` of the file itself takes it at once"
        )
        self.run_id = run_id


class LeaseLost(MoatError):
    """The run was taken over or ended by somebody else; nothing of what was asked was kept."""


class IdentityRequired(MoatError):
    """The run was taken over from a holder that may still be alive: only a caller that names its attempt is served."""


class RunFailed(MoatError):
    """The run ended as failed; nothing of it is active."""


class EvidenceBroken(MoatError):
    """What the ledger says does not hold; `moat verify` names the first thing."""
