"""A logger that hands on nothing unredacted, whatever handlers it reaches."""

import logging
from typing import Any

from plaintiff_moat.redaction.records import PIIRedactionFilter, scrub_message
from plaintiff_moat.redaction.values import redact_value

__all__ = ["SafeLogger"]

_FILTER = PIIRedactionFilter()
_FRAMES_OF_OURS = 2


class SafeLogger:
    """Wraps a logger, a LoggerAdapter or anything with their methods; message, arguments and extra are redacted.

    A real logger also gets a filter for what `logging` itself adds to a record: tracebacks and stacks.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        while isinstance(logger, logging.LoggerAdapter):
            logger = logger.logger
        self._innermost = logger
        self._is_real = isinstance(logger, logging.Logger)
        if self._is_real:
            logger.addFilter(_FILTER)

    @property
    def name(self) -> str:
        """The wrapped logger's name."""
        return str(self._innermost.name)

    @property
    def level(self) -> int:
        """The wrapped logger's own level."""
        return int(self._innermost.level)

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - the name of `logging`
        """Sets the wrapped logger's level."""
        self._logger.setLevel(level)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name of `logging`
        """Whether a message of this level would go anywhere."""
        return bool(self._logger.isEnabledFor(level))

    def getChild(self, suffix: str) -> "SafeLogger":  # noqa: N802 - the name of `logging`
        """The child logger, as safe as this one."""
        return SafeLogger(self._innermost.getChild(suffix))

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at level DEBUG."""
        self._hand_on("debug", logging.DEBUG, msg, args, kwargs)

    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at level INFO."""
        self._hand_on("info", logging.INFO, msg, args, kwargs)

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at level WARNING."""
        self._hand_on("warning", logging.WARNING, msg, args, kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at level ERROR."""
        self._hand_on("error", logging.ERROR, msg, args, kwargs)

    def critical(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at level CRITICAL."""
        self._hand_on("critical", logging.CRITICAL, msg, args, kwargs)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at level ERROR with the exception being handled."""
        kwargs.setdefault("exc_info", True)
        self._hand_on("error", logging.ERROR, msg, args, kwargs)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at the given level."""
        self._hand_on("log", level, msg, args, kwargs)

    def _hand_on(self, method: str, level: int, msg: object, args: tuple[object, ...], kwargs: dict[str, Any]) -> None:
        if not self.isEnabledFor(level):
            return
        record = logging.LogRecord(self.name, level, "", 0, msg, args, None)
        scrub_message(record)
        safe = record.args if isinstance(record.args, tuple) else (record.args,)
        if "extra" in kwargs:
            kwargs["extra"] = redact_value(kwargs["extra"])
        if self._is_real:
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + _FRAMES_OF_OURS
        leading = (level, record.msg) if method == "log" else (record.msg,)
        getattr(self._logger, method)(*leading, *safe, **kwargs)
