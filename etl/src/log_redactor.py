"""The documented import path of `plaintiff_moat.redaction`."""

# fmt: off
from plaintiff_moat.redaction import (  # noqa: I001 - an alias has no room for a name a line
    CARD_TOKEN, EMAIL_TOKEN, PHONE_TOKEN, SSN_TOKEN, PIIRedactionFilter, RedactingFormatter, SafeLogger,
    contains_pii, install, redact, redact_dict,
)

__all__ = [
    "CARD_TOKEN", "EMAIL_TOKEN", "PHONE_TOKEN", "SSN_TOKEN", "PIIRedactionFilter", "RedactingFormatter",
    "SafeLogger", "contains_pii", "install", "redact", "redact_dict",
]
