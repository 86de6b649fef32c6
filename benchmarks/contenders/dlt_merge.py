"""dlt, write disposition `merge` on name, e-mail and index number: text columns, exact duplicates merged."""

import os
import tempfile

from contenders.columns import COLUMNS, count

NEEDS = ("dlt", "pyarrow", "psycopg2-binary")
IDENTITY = ("plaintiff_name", "contact_email", "case_reference")


def prepare(url: str, file: str) -> None:
    """Dlt makes its own tables."""


def load(url: str, file: str) -> None:
    """Arrow batches, loaded by COPY of CSV files: the fastest of the ways that dlt offers."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}

    import dlt  # noqa: PLC0415 - a peer may be absent
    import pyarrow as pa  # noqa: PLC0415 - the same
    from pyarrow import csv  # noqa: PLC0415 - the same

    def batches() -> object:
        # an empty cell stays an empty text: dlt refuses a null in what it merges on
        text = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()))
        quoted = csv.ParseOptions(newlines_in_values=True)
        reader = csv.open_csv(file, csv.ReadOptions(block_size=16 << 20), quoted, text)
        for batch in reader:
            yield pa.Table.from_batches([batch]).rename_columns(list(COLUMNS.values()))

    with tempfile.TemporaryDirectory() as folder:
        destination = dlt.destinations.postgres(credentials=_credentials(url))
        pipeline = dlt.pipeline("vendor_file", destination=destination, dataset_name="vendor", pipelines_dir=folder)
        resource = dlt.resource(batches, name="plaintiffs", write_disposition="merge", primary_key=IDENTITY)
        pipeline.run(resource(), loader_file_format="csv").raise_on_failed_jobs()


def _credentials(url: str) -> str:
    """Dlt wants a password and a host; the socket asks for none, and its folder, a parameter, outranks the host."""
    return url.replace("postgresql:///", "postgresql://postgres:none@localhost/", 1)


def records(url: str, file: str) -> int:  # noqa: ARG001
    """All rows."""
    return count(url, "vendor.plaintiffs")
