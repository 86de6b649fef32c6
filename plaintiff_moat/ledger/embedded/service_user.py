"""Who runs the embedded server: the invoking user; for root, which PostgreSQL refuses, a system user.

That system user cannot enter root's folders, and no folder that is not ours is ever opened up for it. What it
needs lies under `STATE_FOLDER`: owned by root, to be walked through but not listed.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.ledger.embedded.file_lock import held

__all__ = ["SERVICE_USER", "STATE_FOLDER", "ServerUser", "server_user", "state_folder"]

SERVICE_USER = "plaintiff-moat"
STATE_FOLDER = Path("/var/lib/plaintiff-moat")
_ELSEWHERE = "set MOAT_DATABASE_URL to a server of your own, or run as a normal user"


@dataclass(frozen=True)
class ServerUser:
    """The operating-system user that owns the cluster's data and runs its processes."""

    name: str
    uid: int
    gid: int

    @property
    def is_invoker(self) -> bool:
        """True when the server runs as whoever calls."""
        return self.uid == os.geteuid()

    def run(
        self,
        *command: str | Path,
        pgdata: Path | None = None,
        text: str = "",
        output: int | IO[str] = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in a session of its own, and return whatever its exit code.

        The environment is a fresh one: no PG* variable bends what a PostgreSQL program does, and no secret of
        the invoking user stays readable in a server that outlives the call.
        """
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        if pgdata is not None:
            environment["PGDATA"] = str(pgdata)
        return subprocess.run(  # noqa: S603 - our own programs, no shell  # nosec B603
            command,
            check=False,
            input=text,
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            start_new_session=True,
            umask=0o077,
            user=None if self.is_invoker else self.uid,
            group=None if self.is_invoker else self.gid,
            extra_groups=None if self.is_invoker else [],
        )

    def make_folder(self, folder: Path) -> None:
        """Make a folder that only this user can enter; its parent must be the caller's own."""
        folder.mkdir(mode=0o700)
        if not self.is_invoker:
            os.chown(folder, self.uid, self.gid)


def server_user() -> ServerUser:
    """Return the invoking user, or for root the system user, which is created if it is missing."""
    uid = os.geteuid()
    if uid != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise DatabaseUnreachable(
                f"the embedded server needs a user that has a name, and uid {uid} has none: "
                "set MOAT_DATABASE_URL to a server of your own, or add the user to the system"
            ) from None
        return _from_entry(entry)
    with state_folder():
        try:
            entry = pwd.getpwnam(SERVICE_USER)
        except KeyError:
            _create_service_user()
            entry = pwd.getpwnam(SERVICE_USER)
    user = _from_entry(entry)
    try:
        user.run("/bin/sh", "-c", ":")
    except OSError as error:
        raise DatabaseUnreachable(
            f"PostgreSQL does not run as root, and this root may not run it as {SERVICE_USER} "
            f"({error.strerror}): {_ELSEWHERE}"
        ) from error
    return user


@contextmanager
def state_folder() -> Iterator[Path]:
    """Give root's folder for servers to one process at a time; refused if anybody else can write to it."""
    try:
        STATE_FOLDER.mkdir()
        STATE_FOLDER.chmod(0o711)
    except FileExistsError:
        found = STATE_FOLDER.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or stat.S_IMODE(found.st_mode) & 0o022:
            raise DatabaseUnreachable(
                f"{STATE_FOLDER} must be a folder of root that nobody else can write: {_ELSEWHERE}"
            ) from None
    with held(STATE_FOLDER / "lock"):
        yield STATE_FOLDER


def _create_service_user() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:" + os.defpath)
    if useradd is None:
        raise DatabaseUnreachable(
            f"PostgreSQL does not run as root, and there is no useradd to create {SERVICE_USER}: {_ELSEWHERE}"
        )
    options = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
    result = ServerUser("root", 0, 0).run(useradd, *options, "--shell", "/usr/sbin/nologin", SERVICE_USER)
    if result.returncode != 0:
        raise DatabaseUnreachable(
            f"PostgreSQL does not run as root and the user {SERVICE_USER} cannot be created "
            f"({result.stdout.strip()}): {_ELSEWHERE}"
        )


def _from_entry(entry: pwd.struct_passwd) -> ServerUser:
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
