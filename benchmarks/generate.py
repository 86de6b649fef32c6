"""Write a vendor file for benchmarks: fictional, in the Simplicity form, the same bytes for the same seed.

    python benchmarks/generate.py OUT.csv --records 1000000 --seed 1
    python benchmarks/generate.py NEXT_DAY.csv --records 1000000 --seed 1 --changed 0.01

A record takes about 180 bytes. About 2 % of the records repeat another, some of them in another
case or with more white space; 0.5 % hold a value that is rejected. The structure of the file is sound throughout.
With `--changed` it is the next delivery of the same records, of which this share has another index number.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

BLOCK = 200_000  # records that are made at once; bounds the memory at about 200 MB
REPEATED, BAD = 0.02, 0.005

FIRST = [
    "Ada", "Alma", "Amir", "Ana", "Anton", "Ava", "Beth", "Bruno", "Cara", "Celia", "Clara", "Dana", "Daniel",
    "Dmitri", "Edith", "Elena", "Emil", "Eva", "Farah", "Felix", "Fiona", "George", "Grace", "Hana", "Hugo", "Ida",
    "Irene", "Iris", "Ivan", "Jonas", "Joel", "Julia", "Karim", "Lars", "Lena", "Leo", "Lucy", "Maria", "Marta",
    "Max", "Mia", "Nadia", "Nina", "Noor", "Olga", "Oscar", "Paula", "Petra", "Rafael", "Rita", "Rosa", "Sami",
    "Sara", "Simon", "Sven", "Theo", "Uma", "Vera", "Viktor", "Wanda", "Yara", "Zoë",
]  # fmt: skip
LAST = [
    "Abbott", "Acker", "Almeida", "Baker", "Barnes", "Becker", "Bell", "Bianchi", "Blake", "Brandt", "Carter",
    "Castillo", "Chen", "Clarke", "Cohen", "Cruz", "Dalton", "Dawson", "Diaz", "Dubois", "Eaton", "Ellis", "Evans",
    "Farrell", "Fischer", "Foster", "Garcia", "Gibson", "Grant", "Hansen", "Harper", "Hayes", "Hoffman", "Hughes",
    "Ibrahim", "Ito", "Jensen", "Jordan", "Kaplan", "Keller", "Khan", "Kim", "Larsen", "Lee", "Lopez", "Marsh",
    "Meyer", "Morgan", "Miller", "Nolan", "Novak", "Núñez", "Okafor", "Olsen", "Ortega", "Parker", "Patel", "Quinn",
    "Ramos", "Reyes", "Rossi", "Santos", "Schmidt", "Silva", "Stone", "Tanaka", "Taylor", "Torres", "Vargas",
    "Vega", "Wagner", "Walsh", "Weber", "Young", "Zhang", "Zimmer",
]  # fmt: skip
FIRMS = [f"{a} & {b} LLP" for a, b in zip(LAST[::3], LAST[1::3], strict=False)]
COURTS = ["Civil Court of the City", "Supreme Court", "County Court", "District Court", "City Court", "Justice Court"]
COUNTIES = [
    "Albany", "Bronx", "Dutchess", "Erie", "Kings", "Monroe", "Nassau", "Queens", "Rockland", "Suffolk", "Ulster",
    "Westchester",
]  # fmt: skip
AREAS = ["212", "315", "347", "516", "518", "585", "607", "631", "646", "716", "718", "845", "914", "917", "929"]
PHONES = ["({area}) 555-", "{area}-555-", "{area}.555.", "+1 {area} 555 ", "{area}555"]
NOTES = [
    "Satisfaction not filed as of last review",
    "Called twice, no answer; send the second letter",
    'Prefers e-mail, says "mornings only"',
    "Address confirmed by the clerk's office",
    "Partial payment received, balance open",
    None,
] * 8 + ["Garnishment in place\nemployer answers in writing"]
BAD_VALUES = [
    ("Plaintiff Name", ""),
    ("Judgment Amount", "N/A"),
    ("Judgment Amount", "(12.00)"),
    ("Judgment Date", "02/30/2024"),
    ("Judgment Date", "1/5/24"),
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file that the arguments ask for and say what it holds."""
    parser = argparse.ArgumentParser(description="Write a fictional vendor file in the Simplicity form.")
    parser.add_argument("out", type=Path, help="the CSV file to write; an existing one is replaced")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changed", type=float, default=0.0)
    options = parser.parse_args(arguments)
    generate(options.out, options.records, options.seed, options.changed)
    print(f"{options.out}: {options.records:,} records, {options.out.stat().st_size:,} bytes")


def generate(out: Path, records: int, seed: int, changed: float = 0.0) -> None:
    """Write `records` records to `out`; the same arguments give the same bytes."""
    with out.open("wb") as file:
        for start in range(0, max(records, 1), BLOCK):
            rng = np.random.default_rng([seed, start])
            block = _spoil(_repeat(_block(start, min(BLOCK, records - start), rng), rng), rng)
            if changed:
                block = _change(block, rng, changed)
            block.write_csv(file, include_header=start == 0, line_terminator="\r\n")


def _block(start: int, size: int, rng: np.random.Generator) -> pl.DataFrame:
    first, last = _pick(FIRST, size, rng), _pick(LAST, size, rng)
    number = pl.int_range(start, start + size, eager=True)
    days = pl.Series(rng.integers(14_000, 20_000, size)).cast(pl.Int32).cast(pl.Date)
    digits = number.cast(pl.String)
    return pl.DataFrame(
        {
            "Plaintiff Name": first + " " + last,
            "Plaintiff Email": first.str.to_lowercase() + "." + digits + "@example.com",
            "Plaintiff Phone": _phones(size, rng),
            "Law Firm": _pick(FIRMS, size, rng),
            "Court Name": _pick(COURTS, size, rng),
            "County": _pick(COUNTIES, size, rng),
            "Index Number": "CV-" + digits.str.zfill(8) + "/" + days.dt.year().cast(pl.String),
            "Judgment Amount": _amounts(size, rng),
            "Judgment Date": _either(days.dt.to_string("%Y-%m-%d"), days.dt.to_string("%m/%d/%Y"), rng),
            "Defendant": _pick(LAST, size, rng) + " Holdings " + _pick(["Inc.", "LLC", "Corp."], size, rng),
            "Notes": _pick(NOTES, size, rng),
        }
    ).with_columns(pl.col("Plaintiff Email").str.normalize("NFKD").str.replace_all(r"[^\x21-\x7e]", ""))


def _phones(size: int, rng: np.random.Generator) -> pl.Series:
    shapes = [shape.format(area=area) for shape in PHONES for area in AREAS]
    line = pl.Series(rng.integers(100, 200, size)).cast(pl.String).str.zfill(4)
    return _pick(shapes, size, rng) + line


def _amounts(size: int, rng: np.random.Generator) -> pl.Series:
    cents = pl.Series(rng.integers(50_000, 9_000_000, size))
    whole, rest = (cents // 100).cast(pl.String), "." + (cents % 100).cast(pl.String).str.zfill(2)
    grouped = "$" + whole.str.replace(r"([0-9]{3})$", ",$1").str.replace(r"^,", "")
    return _either(whole + rest, grouped + rest, rng)


def _repeat(block: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let some records repeat an earlier one of the block, one in three of them in capitals."""
    size = block.height
    source = np.arange(size)
    at = np.flatnonzero(rng.random(size) < REPEATED)
    source[at] = (at * rng.random(at.size)).astype(np.int64)
    repeated = np.zeros(size, dtype=bool)
    repeated[at] = True
    shout = pl.Series(repeated & (np.arange(size) % 3 == 0))
    return block[source].with_columns(
        pl.when(shout)
        .then(pl.col("Plaintiff Name").str.to_uppercase() + " ")
        .otherwise("Plaintiff Name")
        .alias("Plaintiff Name")
    )


def _spoil(block: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Give some records one value that is rejected."""
    draw = pl.Series(rng.random(block.height))
    share = BAD / len(BAD_VALUES)
    for place, (column, value) in enumerate(BAD_VALUES):
        hit = draw.is_between(place * share, (place + 1) * share, closed="left")
        block = block.with_columns(pl.when(hit).then(pl.lit(value)).otherwise(column).alias(column))
    return block


def _change(block: pl.DataFrame, rng: np.random.Generator, share: float) -> pl.DataFrame:
    """Give this share of the records another identity."""
    is_changed = pl.Series(rng.random(block.height) < share)
    number = pl.col("Index Number")
    return block.with_columns(
        pl.when(is_changed).then(number.str.replace("CV-", "CX-")).otherwise(number).alias("Index Number")
    )


def _pick(values: Sequence[str | None], size: int, rng: np.random.Generator) -> pl.Series:
    return pl.Series(values)[rng.integers(0, len(values), size)]


def _either(one: pl.Series, other: pl.Series, rng: np.random.Generator) -> pl.Series:
    return one.zip_with(pl.Series(rng.random(len(one)) < 0.5), other)  # noqa: PLR2004 (a coin)


if __name__ == "__main__":
    main()
