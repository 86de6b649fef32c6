"""The columns of kind `plaintiff`: what a mapping may fill and what `prepare` gives, in landing order."""

from typing import Final

__all__ = ["CANONICAL_COLUMNS", "DEFAULT_IDENTITY", "LANDING_COLUMNS"]

CANONICAL_COLUMNS: Final = (
    "plaintiff_name",
    "firm_name",
    "contact_name",
    "contact_email",
    "contact_phone",
    "address",
    "city",
    "state",
    "postal_code",
    "case_reference",
    "court",
    "county",
    "judgment_amount",
    "judgment_date",
    "defendant_name",
    "source_reference",
)

DEFAULT_IDENTITY: Final = ("plaintiff_name", "contact_email", "case_reference")

LANDING_COLUMNS: Final = (
    "row_number",
    "line_start",
    "line_end",
    *CANONICAL_COLUMNS,
    "extra",
    "dedupe_key",
    "error_code",
    "error_message",
    "warnings",
    "raw_payload",
)
