"""A small file system that fills up: a tmpfs of a test's own, which the server's user can write."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from plaintiff_moat.ledger.embedded.service_user import STATE_FOLDER, server_user

__all__ = ["SmallDisk", "small_disk"]


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system; `folder` is the server's."""

    mount: Path

    @property
    def folder(self) -> Path:
        """A folder that belongs to the server's user."""
        return self.mount / "server"

    def fill(self, *, leave: int) -> None:
        """Take all space but so many bytes."""
        with self._ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(self.mount).free - leave)

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.mount / "ballast"


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of this size; skips the test where mounting is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mount = Path(tempfile.mkdtemp(prefix="small-disk-", dir=STATE_FOLDER))
    mount.chmod(0o711)
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(mount)],
            check=False,
            capture_output=True,
            text=True,
        )
        if mounted.returncode != 0:
            pytest.skip(f"this root may not mount: {mounted.stderr.strip()}")
        try:
            disk = SmallDisk(mount)
            server_user().make_folder(disk.folder)
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(mount)], check=True)
    finally:
        mount.rmdir()
