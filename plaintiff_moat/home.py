"""Where this project keeps what belongs to this machine: the embedded server, signs of its workers, spools."""

import os
from pathlib import Path

from platformdirs import user_data_path

__all__ = ["home_folder"]


def home_folder() -> Path:
    """`MOAT_HOME`, or else the platform's data folder; it may not exist yet."""
    configured = os.environ.get("MOAT_HOME")
    home = Path(configured).expanduser() if configured else user_data_path("plaintiff-moat")
    return home.absolute()
