"""How long a database that went away is waited for, unless the caller says otherwise."""

from typing import Final

__all__ = ["PATIENCE_SECONDS"]

# A server restarts, and a standby takes over, in less.
PATIENCE_SECONDS: Final = 60.0
