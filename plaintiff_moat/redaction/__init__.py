"""No social security or card number in any log line, whoever logs it and however it is spelled.

`install()` at start-up covers the whole process; the rest is for what does not go through `logging`. For
structlog and loguru see `plaintiff_moat.redaction.bridges`.
"""

from plaintiff_moat.redaction.faults import describe_error
from plaintiff_moat.redaction.hooks import install
from plaintiff_moat.redaction.records import PIIRedactionFilter, RedactingFormatter
from plaintiff_moat.redaction.safe_logger import SafeLogger
from plaintiff_moat.redaction.text import CARD_TOKEN, EMAIL_TOKEN, PHONE_TOKEN, SSN_TOKEN, contains_pii, redact
from plaintiff_moat.redaction.values import redact_dict

__all__ = [
    "CARD_TOKEN",
    "EMAIL_TOKEN",
    "PHONE_TOKEN",
    "SSN_TOKEN",
    "PIIRedactionFilter",
    "RedactingFormatter",
    "SafeLogger",
    "contains_pii",
    "describe_error",
    "install",
    "redact",
    "redact_dict",
]
