"""The files of the embedded cluster: how it is made, configured, and found again while its server runs.

    <cluster>/postgresql.conf, pg_hba.conf, pg_ident.conf   written anew at every start, by the invoking user
    <cluster>/data/                                         complete once it exists: it appears by a rename
    <cluster>/run/                                          the socket's folder, emptied at every start

`data` and `run` belong to the server's user. Where that is not the invoking user, it cannot change the three
files: who may connect is not for the server's account to say.
"""

import os
import pwd
import re
import secrets
import shutil
import socket
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.ledger.embedded.service_user import ServerUser

__all__ = ["DATABASE", "PORT", "Cluster", "Postmaster"]

DATABASE = "moat"
PORT = 5432

# Linux allows 107 bytes for a socket's path and macOS 103; comma, quote and space mean something to libpq
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+@-]{1,86}", re.ASCII)
_SHORT_PREFIX = "plaintiff-moat-"
_PRIVATE = 0o700
_READY = "ready"

_INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=reject",  # for the file of rules that initdb writes, which is not the one in use
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)

# log_min_messages: above `error`, because the text of an error quotes the value that caused it
_SETTINGS = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_folder}'
unix_socket_permissions = 0700
data_directory = {data}
max_connections = 100
shared_buffers = 512MB    # what a million records fill; memory is taken as it fills
work_mem = 32MB
maintenance_work_mem = 128MB
min_dynamic_shared_memory = 64MB    # parallel queries outgrow a container's 64 MB of /dev/shm
wal_buffers = 64MB    # publishing writes 160 MB of it per million records in one go
max_wal_size = 4GB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
"""


@dataclass(frozen=True)
class Postmaster:
    """What a running server says of itself in `postmaster.pid`."""

    pid: int
    socket_folder: Path
    status: str

    def answers(self) -> bool:
        """True if a server that is ready listens in a folder that nobody else can enter.

        One that starts or stops listens too, and refuses whoever connects.
        """
        if self.status != _READY:
            return False
        try:
            if stat.S_IMODE(self.socket_folder.lstat().st_mode) != _PRIVATE:
                return False
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.socket_folder / f".s.PGSQL.{PORT}"))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Cluster:
    """One cluster, by the real path of its folder; the caller holds the lock of its home while it changes."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def create(self, user: ServerUser, binaries: Path) -> None:
        """Make the data folder with an empty database; nothing is left to mistake for it when that fails."""
        # a name of its own, because an initdb whose parent was killed may go on writing to the last one
        building = self.folder / f"data.{secrets.token_hex(4)}"
        user.make_folder(building)
        initdb = (binaries / "initdb", *_INITDB_OPTIONS)
        single = (binaries / "postgres", "--single", "-cexit_on_error=on", "postgres")
        for command, statement in (initdb, ""), (single, f"create database {DATABASE}\n"):
            result = user.run(*command, pgdata=building, text=statement)
            if result.returncode != 0:
                raise DatabaseUnreachable(
                    f"the embedded database cannot be created in {self.folder}: {_complaint(result.stdout)}"
                )
        building.rename(self.data)

    def configure(self, user: ServerUser) -> None:
        """Write the server's settings and the one rule of access: the invoking user, through the socket."""
        for left_over in self.folder.glob("data.*"):  # of a first start that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        settings = _SETTINGS.format(
            port=PORT, socket_folder=self._fresh_socket_folder(user), data=_quoted(str(self.data))
        )
        invoker = pwd.getpwuid(os.geteuid()).pw_name
        for name, text in {
            "postgresql.conf": settings,
            "pg_hba.conf": "local all all peer map=moat\n",
            "pg_ident.conf": f'moat "{invoker}" all\n',
        }.items():
            file = self.folder / name
            file.write_bytes(os.fsencode(text))
            file.chmod(0o600 if user.is_invoker else 0o644)

    def postmaster(self) -> Postmaster | None:
        """Return what the last server to start wrote down; it may have died since. None after a proper end."""
        try:
            lines = (self.data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
            # as PostgreSQL numbers them in utils/pidfile.h; the status comes last, once the server has one
            pid, _, _, _, socket_folder, *_ = lines
            return Postmaster(int(pid), Path(socket_folder), "".join(lines[7:8]).strip())
        except (OSError, ValueError):
            return None

    def sweep(self, ended: Postmaster | None) -> None:
        """Remove what a server that no longer lives left behind; `ended` is what it had said of itself.

        PostgreSQL itself would take any process that has since got the same number for the old server.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        if ended is not None and ended.socket_folder.name.startswith(_SHORT_PREFIX):
            shutil.rmtree(ended.socket_folder, ignore_errors=True)
        if (self.folder / "run").exists():
            shutil.rmtree(self.folder / "run")

    def _fresh_socket_folder(self, user: ServerUser) -> Path:
        folder = self.folder / "run"
        if _PLAIN_PATH.fullmatch(str(folder)):
            user.make_folder(folder)
            return folder
        parent = tempfile.gettempdir()
        if not _PLAIN_PATH.fullmatch(f"{parent}/{_SHORT_PREFIX}12345678"):
            parent = "/tmp"  # noqa: S108 - mkdtemp makes a folder in it  # nosec B108
        return Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir=parent))


def _quoted(value: str) -> str:
    """Quote a value as postgresql.conf reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _complaint(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "FATAL:" in line or "error:" in line), "it gives no reason")
