"""What may be said of an exception.

PostgreSQL quotes row data in its messages: `DETAIL: Key (ssn)=(…) already exists`, `CONTEXT: COPY …, line 3:
"…"`. So of a database error only names are told, never text; of any other exception the redacted text.
"""

import traceback
from collections.abc import Iterable

from plaintiff_moat.redaction.text import redact

__all__ = ["describe_error", "is_database_error", "safe_exception", "safe_traceback"]

_TOLD = (("constraint", "constraint_name"), ("table", "table_name"), ("column", "column_name"))


def describe_error(error: BaseException) -> str:
    """One text that is safe to log, to store and to show; never raises.

    Of a database error `UniqueViolation (SQLSTATE 23505, constraint plaintiff_keys_pkey, table …)`; of any
    other `ValueError: …` with the redacted message, or the type alone where there is none.
    """
    name, message = type(error).__name__, _safe_message(error)
    if not message:
        return redact(name)
    return redact(f"{name} ({message})" if is_database_error(error) else f"{name}: {message}")


def is_database_error(error: object) -> bool:
    """Whether it has what psycopg's errors have; importing psycopg to ask would cost more than the answer."""
    return isinstance(error, BaseException) and hasattr(error, "sqlstate") and hasattr(error, "diag")


def safe_exception(error: BaseException) -> BaseException:
    """The exception itself if whoever formats it, however, shows nothing to hide, or else a twin of it.

    The twin has the same type name and chain (causes, contexts, groups), each link with a safe message.
    """
    links = _links(error)
    return error if all(map(_is_safe, links)) else _twin_of(error, links)


def safe_traceback(error: BaseException) -> tuple[BaseException, str]:
    """The safe exception, and what Python prints of it uncaught, redacted.

    Where a source line in the traceback quotes a number, the exception comes without its frames.
    """
    safe = safe_exception(error)
    text = "".join(traceback.format_exception(safe))
    clean = redact(text)
    return (safe if clean is text else _twin_of(error, _links(error), frames=False)), clean


def _twin_of(error: BaseException, links: list[BaseException], *, frames: bool = True) -> BaseException:
    twins: dict[int, BaseException] = {}
    for link in links:
        _twin(link, twins)
    for link in links:
        twin = twins[id(link)]
        twin.__traceback__ = link.__traceback__ if frames else None
        twin.__cause__ = twins.get(id(link.__cause__))
        twin.__context__ = twins.get(id(link.__context__))
        twin.__suppress_context__ = link.__suppress_context__
    return twins[id(error)]


def _links(error: BaseException) -> list[BaseException]:
    """Every exception that a traceback of this one may show, each once, however they are knotted."""
    links: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in links:
            continue
        links[id(link)] = link
        waiting += (link.__cause__, link.__context__, *_members(link))
    return list(links.values())


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _is_safe(error: BaseException) -> bool:
    texts = (_message(error), *_notes(error))
    return not is_database_error(error) and all(redact(text) is text for text in texts)


def _twin(error: BaseException, twins: dict[int, BaseException]) -> BaseException:
    if id(error) in twins:
        return twins[id(error)]
    message = _safe_message(error)
    name = {"__module__": type(error).__module__, "__qualname__": type(error).__qualname__}
    if isinstance(error, BaseExceptionGroup):
        group = ExceptionGroup if isinstance(error, Exception) else BaseExceptionGroup
        members = [_twin(member, twins) for member in error.exceptions]
        twin: BaseException = type(type(error).__name__, (group,), name)(message, members)
    else:
        kind = Exception if isinstance(error, Exception) else BaseException
        twin = type(type(error).__name__, (kind,), name)(*([message] if message else []))
    for note in _notes(error):
        twin.add_note(redact(note))
    twins[id(error)] = twin
    return twin


def _safe_message(error: BaseException) -> str:
    return ", ".join(_diagnosis(error)) if is_database_error(error) else redact(_message(error))


def _diagnosis(error: BaseException) -> Iterable[str]:
    if sqlstate := getattr(error, "sqlstate", None):
        yield f"SQLSTATE {sqlstate}"
    diag = getattr(error, "diag", None)
    for word, field in _TOLD:
        if name := getattr(diag, field, None):
            yield redact(f"{word} {name}")


def _message(error: BaseException) -> str:
    try:
        return str(error.message if isinstance(error, BaseExceptionGroup) else error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not break what reports it
        return ""


def _notes(error: BaseException) -> list[str]:
    # A note on a database error was written next to a row; only names are told of one.
    notes = [] if is_database_error(error) else getattr(error, "__notes__", ())
    return [str(note) for note in notes]
