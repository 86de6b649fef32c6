"""Everything that talks to PostgreSQL: which server, the schema, claiming, landing, and reading the ledger."""
