"""`filedge run`: text columns by COPY, once by the file's SHA-256, with an audit database; no duplicates found."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from contenders.columns import COLUMNS, count

NEEDS = ("filedge", "psycopg2-binary")


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Forget what was loaded into other databases; filedge makes its own tables."""
    _audit(file).unlink(missing_ok=True)


def command(url: str, file: str) -> Sequence[str]:
    """On a watched folder with this one file; its audit database stands beside the file."""
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
    filedge = [str(Path(sys.executable).with_name("filedge")), "run", "--dir", str(incoming), "--config", str(config)]
    return ["env", f"DATABASE_URL={url}", *filedge, "--audit-db-url", f"sqlite:///{_audit(file)}"]


def _audit(file: str) -> Path:
    return Path(file).with_suffix(".audit.db")


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
