"""The runbook's section on log redaction, through the path that it documents."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from etl.src import log_redactor
from etl.src.log_redactor import (
    CARD_TOKEN,
    SSN_TOKEN,
    PIIRedactionFilter,
    RedactingFormatter,
    SafeLogger,
    contains_pii,
    install,
    redact,
    redact_dict,
)


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What reaches the root logger's only handler of this test."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


def test_the_sample_of_the_runbook_logs_what_it_says(output: io.StringIO) -> None:
    """`Processing SSN [SSN_REDACTED]` and `Card: [CARD_REDACTED]`, to the letter."""
    logger = SafeLogger(logging.getLogger(__name__))
    logger.info("Processing SSN 123-45-6789")
    logger.info("Card: 4111-1111-1111-1111")
    assert output.getvalue() == "Processing SSN [SSN_REDACTED]\nCard: [CARD_REDACTED]\n"


def test_the_tokens_are_those_of_the_runbook() -> None:
    """Operators search for them."""
    assert (SSN_TOKEN, CARD_TOKEN) == ("[SSN_REDACTED]", "[CARD_REDACTED]")


def test_redact_is_importable_on_its_own() -> None:
    """The runbook imports it beside SafeLogger."""
    assert redact("SSN 123-45-6789") == "SSN [SSN_REDACTED]"
    assert redact_dict({"ssn": "123-45-6789", "rows": 100}) == {"ssn": "[REDACTED]", "rows": 100}
    assert contains_pii("123-45-6789")
    assert not contains_pii("row 12 of 100")


def test_the_filter_on_a_root_handler_covers_every_logger(output: io.StringIO) -> None:
    """The runbook's troubleshooting asks for it at the root; on the handler there it sees the children's records."""
    handler = next(handler for handler in logging.getLogger().handlers if getattr(handler, "stream", None) is output)
    handler.addFilter(PIIRedactionFilter())
    logging.getLogger("etl.src.anything").info("SSN %s", "123-45-6789")
    assert output.getvalue() == "SSN [SSN_REDACTED]\n"


def test_install_covers_every_logger(output: io.StringIO) -> None:
    """One call, and all logs redact by themselves; no handler or logger is touched."""
    uninstall = install()
    logging.getLogger("etl.src.anything").info("Card %s", "4111 1111 1111 1111")
    uninstall()
    assert output.getvalue() == "Card [CARD_REDACTED]\n"


def test_the_formatter_covers_a_handler(output: io.StringIO) -> None:
    """With the arguments of `logging.Formatter`."""
    handler = next(handler for handler in logging.getLogger().handlers if getattr(handler, "stream", None) is output)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(message)s"))
    logging.getLogger("etl.src.anything").error("SSN 123-45-6789")
    assert output.getvalue() == "ERROR SSN [SSN_REDACTED]\n"


def test_the_documented_path_has_exactly_the_documented_names() -> None:
    """An alias: the same objects as in `plaintiff_moat.redaction`, no more and no fewer names."""
    assert set(log_redactor.__all__) == {
        "CARD_TOKEN",
        "EMAIL_TOKEN",
        "PHONE_TOKEN",
        "SSN_TOKEN",
        "PIIRedactionFilter",
        "RedactingFormatter",
        "SafeLogger",
        "contains_pii",
        "install",
        "redact",
        "redact_dict",
    }
    package = sys.modules["plaintiff_moat.redaction"]
    assert all(getattr(log_redactor, name) is getattr(package, name) for name in log_redactor.__all__)
