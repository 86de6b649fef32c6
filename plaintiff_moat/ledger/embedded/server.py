"""The embedded PostgreSQL: a private server under `MOAT_HOME`, reached through a socket by its owner alone.

It starts on demand, serves every process of its owner, and runs until it is stopped. Nothing listens on a
network, no password exists: the kernel tells the server who calls (`peer`).

Two locks order the processes. The one on `<home>/lock` is held while the server is made, started or stopped.
The one on `<home>/postgres.log` is the server's own: each of its processes inherits the log, so the lock is free
exactly when none of them lives, which no process number in a file can tell.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.home import home_folder
from plaintiff_moat.ledger.embedded.binaries import binaries_for, server_version
from plaintiff_moat.ledger.embedded.cluster import DATABASE, PORT, Cluster, Postmaster
from plaintiff_moat.ledger.embedded.file_lock import held, open_private, try_hold
from plaintiff_moat.ledger.embedded.service_user import STATE_FOLDER, ServerUser, server_user

__all__ = ["EmbeddedServer", "ServerStatus"]

# seconds; crash recovery at a start replays up to max_wal_size
_RECOVERY = 300
_PATIENCE = 60
_PAUSE = 0.02


@dataclass(frozen=True)
class ServerStatus:
    """The embedded server at one moment; `pid` and `socket_folder` are of a running server only."""

    running: bool
    pid: int | None
    version: str
    home: Path
    data_folder: Path
    socket_folder: Path | None


@dataclass(frozen=True)
class EmbeddedServer:
    """The embedded server of one home folder."""

    home: Path

    @classmethod
    def default(cls) -> "EmbeddedServer":
        """Return the server of `MOAT_HOME`, or else of the platform's data folder; starts nothing."""
        return cls(home_folder())

    def start(self) -> str:
        """Return the server's URL; it is created and started first where that has not been done."""
        with self._explained("started"):
            self._own_home()
            if self._answering() is None:
                with held(self.home / "lock"):
                    self._bring_up()
        return self.url()

    def stop(self) -> bool:
        """End the server, rolling back what is not committed; true if there was one to end."""
        if not os.path.lexists(self._log) and self._answering() is None:
            return False
        with self._explained("stopped"), held(self.home / "lock"), self._opened_log() as log:
            if self._has_ended(log):
                return False
            user, cluster = server_user(), self._cluster()
            postmaster = cluster.postmaster()
            pg_ctl = binaries_for(user) / "pg_ctl"
            user.run(pg_ctl, "stop", "--mode=fast", f"--timeout={_PATIENCE}", "--silent", pgdata=cluster.data)
            if not _comes_true(lambda: self._has_ended(log)):
                raise DatabaseUnreachable(f"the embedded server has not ended within {_PATIENCE} s: see {self._log}")
            cluster.sweep(postmaster)
            return True

    def status(self) -> ServerStatus:
        """Look, without starting or creating anything."""
        postmaster = self._answering()
        return ServerStatus(
            running=postmaster is not None,
            pid=postmaster.pid if postmaster else None,
            version=server_version(),
            home=self.home,
            data_folder=self._cluster().data,
            socket_folder=postmaster.socket_folder if postmaster else None,
        )

    def url(self, database: str = DATABASE) -> str:
        """Return the owner's URL of a database of the running server, as psql and psycopg read it."""
        postmaster = self._answering()
        if postmaster is None:
            raise DatabaseUnreachable(f"the embedded server of {self.home} is not running: `moat db start` starts it")
        host = quote(str(postmaster.socket_folder), safe="")
        return f"postgresql:///{quote(database, safe='')}?host={host}&port={PORT}&user=postgres"

    def destroy(self) -> None:
        """End the server and delete its databases for good; the home folder and what else is in it stay."""
        self.stop()
        if not self.home.is_dir():
            return
        with self._explained("deleted"), held(self.home / "lock"):
            folder = self._cluster().folder
            if folder.exists():
                shutil.rmtree(folder)
            if self._link.is_symlink():
                self._link.unlink()
            self._log.unlink(missing_ok=True)

    @property
    def _link(self) -> Path:
        return self.home / "postgres"

    @property
    def _log(self) -> Path:
        return self.home / "postgres.log"

    def _cluster(self) -> Cluster:
        return Cluster(self._link.resolve())

    def _answering(self) -> Postmaster | None:
        postmaster = self._cluster().postmaster()
        return postmaster if postmaster is not None and postmaster.answers() else None

    def _has_ended(self, log: int) -> bool:
        # a log that was deleted or moved away took the server's lock with it: then the socket tells
        return try_hold(log) and self._answering() is None

    def _bring_up(self) -> None:
        """Start the server, unless one that somebody else has started comes up or is still ending."""
        with self._opened_log() as log:
            if not _comes_true(lambda: self._answering() is not None or try_hold(log)):
                raise DatabaseUnreachable(
                    f"a server of {self.home} lives but does not answer: try again, or end it with "
                    f"`moat db stop`; its log is {self._log}"
                )
            if self._answering() is None:
                self._launch(log)

    def _launch(self, log: int) -> None:
        user = server_user()
        binaries = binaries_for(user)
        cluster = self._make_cluster(user)
        if not cluster.data.exists():
            cluster.create(user, binaries)
        cluster.sweep(cluster.postmaster())
        cluster.configure(user)
        logged_before = os.fstat(log).st_size
        pg_ctl = user.run(
            binaries / "pg_ctl",
            "start",
            "--wait",
            f"--timeout={_RECOVERY}",
            "--silent",
            pgdata=cluster.folder,
            output=log,
        )
        if pg_ctl.returncode != 0 or self._answering() is None:
            last_words = _last_words(os.pread(log, 1 << 20, logged_before).decode(errors="replace"))
            raise DatabaseUnreachable(f"the embedded server did not start: {last_words}; its log is {self._log}")

    def _make_cluster(self, user: ServerUser) -> Cluster:
        """Return the cluster; a missing folder is made first, for root in the state folder behind a link."""
        if self._link.is_symlink() and not self._link.exists():
            raise DatabaseUnreachable(
                f"{self._link} leads to {self._link.readlink()}, which is gone: bring that folder back, "
                "or remove the link to begin with an empty database"
            )
        if not self._link.exists():
            if user.is_invoker:
                self._link.mkdir(mode=0o700)
            else:
                folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=STATE_FOLDER))
                folder.chmod(0o711)
                self._link.symlink_to(folder)
        return self._cluster()

    def _own_home(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.home.stat()
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
            raise DatabaseUnreachable(
                f"{self.home} must belong to you and be writable by nobody else (found owner {found.st_uid}, mode "
                f"{stat.S_IMODE(found.st_mode):o}): correct that, or set MOAT_HOME to a folder of your own"
            )

    @contextmanager
    def _opened_log(self) -> Iterator[int]:
        descriptor = open_private(self._log, os.O_APPEND)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DatabaseUnreachable(
                f"the embedded server of {self.home} cannot be {verb}: {error.strerror} ({error.filename}); "
                "set MOAT_HOME to a folder where it can, or MOAT_DATABASE_URL to a server of your own"
            ) from error


def _comes_true(condition: Callable[[], bool]) -> bool:
    """Return true as soon as the condition is, false if it never is for as long as patience lasts."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _last_words(log: str) -> str:
    fatal = [line for line in log.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return fatal[-1].partition("] ")[2] if fatal else f"it was not ready within {_RECOVERY} s"
