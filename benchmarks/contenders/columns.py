"""The vendor's columns, as the contenders without a mapping of their own name them."""

COLUMNS = {
    "Plaintiff Name": "plaintiff_name",
    "Plaintiff Email": "contact_email",
    "Plaintiff Phone": "contact_phone",
    "Law Firm": "firm_name",
    "Court Name": "court",
    "County": "county",
    "Index Number": "case_reference",
    "Judgment Amount": "judgment_amount",
    "Judgment Date": "judgment_date",
    "Defendant": "defendant_name",
    "Notes": "notes",
}

TEXT_TABLE = "create table plaintiffs (\n    " + " text,\n    ".join(COLUMNS.values()) + " text\n)"


def execute(url: str, statement: str) -> None:
    """Run one or more statements, each in a transaction of its own."""
    import psycopg  # noqa: PLC0415 - not part of what a contender without it costs

    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def count(url: str, table: str) -> int:
    """How many rows the table or view has."""
    import psycopg  # noqa: PLC0415 - the same

    with psycopg.connect(url, autocommit=True) as conn:
        (rows,) = conn.execute(f"select count(*) from {table}".encode()).fetchone() or (0,)
    return int(rows)
