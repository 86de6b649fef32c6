"""Lines as formatters and renderers finish them: redacted, and JSON where they were JSON."""

import re

from plaintiff_moat.redaction.text import redact

__all__ = ["redact_line"]

_STARTS = ("{", "[")
# A string, which stays as it is, or a token that took the place of a bare number, with what is left of that number.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|(?<![-+.0-9eE])[-+.0-9eE]*+\[[A-Z]+_REDACTED\][-+.0-9eE]*+')


def redact_line(line: str) -> str:
    """`redact`, except that a token that would stand bare in a JSON document gets its quotes.

    A document whose numbers are also broken by redaction in another way becomes one JSON string.
    """
    clean = redact(line)
    if clean is line or not line.lstrip().startswith(_STARTS) or not _is_json(line) or _is_json(clean):
        return clean
    quoted = _TOKEN.sub(_quoted, clean)
    return quoted if _is_json(quoted) else _as_string(clean)


def _quoted(token: re.Match[str]) -> str:
    text = token[0]
    return text if text.startswith('"') else f'"{text[text.index("[") : text.index("]") + 1]}"'


def _is_json(line: str) -> bool:
    import json  # noqa: PLC0415 - few processes need it here, and every start would pay for it

    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _as_string(line: str) -> str:
    import json  # noqa: PLC0415 - the same

    return redact(json.dumps(line, ensure_ascii=False))
