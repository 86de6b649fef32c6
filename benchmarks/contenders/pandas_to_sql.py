"""`read_csv` and `to_sql` of pandas: text columns, appended; no types, no duplicates found."""

from contenders.columns import COLUMNS, TEXT_TABLE, count, execute

NEEDS = ("pandas", "sqlalchemy", "psycopg")


def prepare(url: str, file: str) -> None:  # noqa: ARG001 - every contender's signature
    """Make the table."""
    execute(url, TEXT_TABLE)


def load(url: str, file: str) -> None:
    """Append in parts of 100,000 records and one transaction."""
    import pandas as pd  # noqa: PLC0415 - a peer may be absent
    from sqlalchemy import create_engine  # noqa: PLC0415 - the same

    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.begin() as conn:
        for part in pd.read_csv(file, dtype=str, chunksize=100_000):
            part.rename(columns=COLUMNS).to_sql("plaintiffs", conn, if_exists="append", index=False, chunksize=10_000)


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "plaintiffs")
