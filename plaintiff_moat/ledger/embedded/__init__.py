"""The default database: a PostgreSQL of the user's own, from the binaries of a wheel."""

from plaintiff_moat.ledger.embedded.binaries import psql_binary
from plaintiff_moat.ledger.embedded.server import EmbeddedServer, ServerStatus

__all__ = ["EmbeddedServer", "ServerStatus", "psql_binary"]
