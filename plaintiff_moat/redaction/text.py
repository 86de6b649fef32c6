"""A text without its social security and card numbers and, when asked, without ways to reach a person."""

from typing import overload

from plaintiff_moat.redaction.contacts import emails, phones
from plaintiff_moat.redaction.rules import Finding, find

__all__ = ["CARD_TOKEN", "EMAIL_TOKEN", "PHONE_TOKEN", "SSN_TOKEN", "contains_pii", "redact"]

SSN_TOKEN = "[SSN_REDACTED]"  # noqa: S105 - stands where a number was, opens nothing  # nosec B105
CARD_TOKEN = "[CARD_REDACTED]"  # noqa: S105 - the same  # nosec B105
EMAIL_TOKEN = "[EMAIL_REDACTED]"  # noqa: S105 - the same  # nosec B105
PHONE_TOKEN = "[PHONE_REDACTED]"  # noqa: S105 - the same  # nosec B105


@overload
def redact(
    text: str,
    *,
    redact_ssn: bool = ...,
    redact_card: bool = ...,
    redact_email: bool = ...,
    redact_phone: bool = ...,
) -> str: ...
@overload
def redact(
    text: None,
    *,
    redact_ssn: bool = ...,
    redact_card: bool = ...,
    redact_email: bool = ...,
    redact_phone: bool = ...,
) -> None: ...
def redact(
    text: str | None,
    *,
    redact_ssn: bool = True,
    redact_card: bool = True,
    redact_email: bool = False,
    redact_phone: bool = False,
) -> str | None:
    """Every number that was asked for becomes its token, and nothing else changes.

    The very same object comes back when there was nothing to hide, so `redact(text) is text` tells. Redacting
    twice is redacting once. Takes time in proportion to the length, whatever the text. Raises TypeError for
    anything but text and None.
    """
    if not isinstance(text, str):
        _refuse(text)
        return text
    if redact_email:
        text = _replaced(text, [(start, end, EMAIL_TOKEN) for start, end in emails(text)])
    if found := find(text):
        text = _hidden(text, found, redact_ssn=redact_ssn, redact_card=redact_card)
    if redact_phone:
        text = _replaced(text, [(start, end, PHONE_TOKEN) for start, end in phones(text)])
    return text


def contains_pii(text: str | None) -> bool:
    """Whether `redact` would find a social security or card number."""
    if not isinstance(text, str):
        _refuse(text)
        return False
    return bool(find(text))


def _refuse(text: object) -> None:
    if text is not None:
        raise TypeError(
            f"redaction takes text or None, not {type(text).__name__}; decode bytes first, give data to redact_dict"
        )


def _hidden(text: str, found: list[Finding], *, redact_ssn: bool, redact_card: bool) -> str:
    # What one pass removes can uncover a number that its neighbours hid. It ends, for each pass leaves fewer digits;
    # no text that we could think of takes more than three.
    while wanted := [finding for finding in found if (redact_card if finding.is_card else redact_ssn)]:
        text = _replaced(text, [(start, end, CARD_TOKEN if is_card else SSN_TOKEN) for start, end, is_card in wanted])
        found = find(text)
    return text


def _replaced(text: str, found: list[tuple[int, int, str]]) -> str:
    if not found:
        return text
    pieces: list[str] = []
    done = 0
    for start, end, token in found:
        pieces += (text[done:start], token)
        done = end
    return "".join([*pieces, text[done:]])
