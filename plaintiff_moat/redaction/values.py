"""Values of any type without social security and card numbers, for what is logged as data and not as text."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from plaintiff_moat.redaction.faults import describe_error, is_database_error
from plaintiff_moat.redaction.keys import is_sensitive, reduced
from plaintiff_moat.redaction.text import CARD_TOKEN, SSN_TOKEN, redact

__all__ = ["REDACTED", "redact_dict", "redact_value"]

REDACTED = "[REDACTED]"
"""What stands for the value of a sensitive key, and for what is nested too deep to be looked at or contains itself."""

_DEEPEST = 50


def redact_dict(
    data: Mapping[Any, Any], *, sensitive_keys: Iterable[str] | None = None, **redact_options: bool
) -> dict[Any, Any]:
    """A new dict in which no key or value, however deep, holds what `redact` would replace; data is not changed.

    Whatever its value, a key's becomes `[REDACTED]` if it is known as sensitive (`ssn`, `cardNumber`, `CVV`,
    `password`, …) or is among sensitive_keys, in any spelling, as text or as bytes. Keys that read alike once they
    are redacted are numbered, so that none is lost. Dicts, lists, tuples and sets are entered; bytes stay bytes;
    numbers and objects whose text holds a finding are replaced by that text, redacted. The options are those of
    `redact`. Raises TypeError for anything but a mapping.
    """
    if not isinstance(data, Mapping):
        raise TypeError(f"redact_dict takes a mapping, not {type(data).__name__}; give other data as a value of one")
    return _Walk(frozenset(map(reduced, sensitive_keys or ())), redact_options).mapping(data, 0)


def redact_value(value: Any) -> Any:
    """The same object if there is nothing to hide in it, or else what `redact_dict` would make of it.

    But for one thing: where a sensitive key holds nothing but a number, its token says which kind it was.
    """
    if isinstance(value, str):
        return redact(value)
    walk = _Walk(frozenset(), {}, tells_kind=True)
    clean = walk.value(value, 0)
    return clean if walk.found else value


class _Walk:
    """One pass through nested values; remembers whether anything had to be replaced."""

    def __init__(
        self, sensitive_keys: frozenset[str], options: Mapping[str, bool], *, tells_kind: bool = False
    ) -> None:
        self._sensitive_keys = sensitive_keys
        self._options = options
        self._tells_kind = tells_kind
        self.found = False
        self._open: set[int] = set()  # what the walk is inside of: it may contain itself
        self._clean: dict[int, Any] = {}  # what it has left behind: it may be held many times

    def mapping(self, data: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        clean: dict[Any, Any] = {}
        alike: Counter[Any] = Counter()
        for key, value in data.items():
            shown = self._hidden(value) if self._hides(key) else self.value(value, depth + 1)
            label = name = self.value(key, depth + 1)
            while label in clean:
                alike[name] += 1
                label = _numbered(name, alike[name] + 1)
            clean[label] = shown
        return clean

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            clean = redact(value, **self._options)
            return value if clean is value else self._replaced(clean)
        if value is None or isinstance(value, bool):
            return value
        if not isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._scalar(value)
        if id(value) in self._clean:
            return self._clean[id(value)]
        if depth > _DEEPEST or id(value) in self._open:
            return self._replaced(REDACTED)
        self._open.add(id(value))
        clean = self._clean[id(value)] = self._container(value, depth)
        self._open.remove(id(value))
        return clean

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        members = [self.value(member, depth + 1) for member in value]
        return members if isinstance(value, list) else _like(value, members)

    def _hides(self, key: object) -> bool:
        if isinstance(key, bytes):
            key = key.decode("utf-8", "replace")
        return isinstance(key, str) and (
            is_sensitive(key) or (bool(self._sensitive_keys) and reduced(key) in self._sensitive_keys)
        )

    def _hidden(self, value: object) -> str:
        kind = self._scalar(value) if self._tells_kind else REDACTED
        return self._replaced(kind if kind in (SSN_TOKEN, CARD_TOKEN) else REDACTED)

    def _scalar(self, value: object) -> object:
        if isinstance(value, BaseException) and is_database_error(value):
            return self._replaced(describe_error(value))
        if isinstance(value, bytes | bytearray):
            text = value.decode("utf-8", "surrogateescape")
            clean = redact(text, **self._options)
            return value if clean is text else self._replaced(clean).encode("utf-8", "surrogateescape")
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - what cannot be read cannot be vouched for
            return self._replaced(REDACTED)
        clean = redact(text, **self._options)
        return value if clean is text else self._replaced(clean)

    def _replaced(self, clean: str) -> str:
        self.found = True
        return clean


def _numbered(name: object, number: int) -> str | bytes:
    return b"%b (%d)" % (name, number) if isinstance(name, bytes) else f"{name} ({number})"


def _like(value: tuple[Any, ...] | set[Any] | frozenset[Any], members: list[Any]) -> Collection[Any]:
    if isinstance(value, tuple):
        make = getattr(value, "_make", tuple)  # a named tuple stays one
        return make(members)
    return frozenset(members) if isinstance(value, frozenset) else set(members)
