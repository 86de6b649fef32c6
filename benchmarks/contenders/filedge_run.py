"""`filedge run`: text columns by COPY, once by the file's SHA-256, with an audit database; no duplicates found."""

import json
import os
import sys
import tempfile
from pathlib import Path

from contenders.columns import COLUMNS, count

NEEDS = ("filedge", "psycopg2-binary")


def prepare(url: str, file: str) -> None:
    """Filedge makes its own tables."""


def load(url: str, file: str) -> None:
    """Become the command, on a watched folder with this one file; its audit database stands beside the file."""
    folder = Path(tempfile.mkdtemp(dir=Path(file).parent))
    incoming = folder / "incoming"
    incoming.mkdir()
    (incoming / Path(file).name).hardlink_to(file)
    config = folder / "pipeline.yaml"
    # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "format": "csv",
                "dest_table": "plaintiffs",
                "write_mode": "append",
                "batch_size": 10_000,
                "connector": {"type": "postgres"},
                "columns": [
                    {"source": source, "dest": name, "type": "string", "required": False}
                    for source, name in COLUMNS.items()
                ],
            }
        ),
        encoding="utf-8",
    )
    filedge = Path(sys.executable).with_name("filedge")
    audit = f"sqlite:///{Path(file).with_suffix('.audit.db')}"
    command = [str(filedge), "run", "--dir", str(incoming), "--config", str(config), "--audit-db-url", audit]
    os.execve(filedge, command, os.environ | {"DATABASE_URL": url})  # noqa: S606


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
