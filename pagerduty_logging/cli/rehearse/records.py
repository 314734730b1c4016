"""Makes the `LogRecord` of the program from what was read, as far as the log shows it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.cli.rehearse.functions import function_at
from pagerduty_logging.cli.rehearse.rebuilding import rebuilt

MAX_FIELDS: Final = 100
_BARE: Final = vars(logging.makeLogRecord({}))
_RESERVED: Final = frozenset(_BARE) | {"message", "asctime"}


class RecordMaker:
    """Makes records.

    Args:
        source: the folder that holds the application's source files; None: paths are used as they are.
    """

    def __init__(self, source: str | None = None) -> None:
        self._resolve = _resolver(source)

    def record(self, entry: Entry) -> logging.LogRecord:
        """Return the record of what was read, with its exception.

        A traceback that is not Python's follows the message, as with `QueueHandler.prepare`.
        """
        path = self._resolve(entry.path, entry.logger) if entry.line else entry.path
        error = rebuilt(entry.traceback)
        appended = entry.traceback and error is None
        message = f"{entry.message}\n{entry.traceback}" if appended else entry.message
        name = os.path.basename(path)
        level = entry.level if entry.level is not None else logging.ERROR
        given: dict[str, Any] = {
            "name": entry.logger or "root",
            "msg": message,
            "args": (),
            "levelno": level,
            "levelname": logging.getLevelName(level)
            if level % 10 == 0
            else entry.level_name or f"Level {level}",
            "exc_info": None if error is None else (type(error), error, error.__traceback__),
            "pathname": path,
            "filename": name,
            "module": os.path.splitext(name)[0],
            "lineno": entry.line,
            "funcName": entry.function or (function_at(path, entry.line) if entry.line else "") or None,
            "created": float(entry.time or 0.0),
            "msecs": (entry.time or 0.0) % 1 * 1_000,
            "process": entry.process,
            "processName": "",
            "thread": None,
            "threadName": "",
        }
        for field, value in list(entry.fields.items())[:MAX_FIELDS]:
            if field not in _RESERVED and field not in given and isinstance(field, str):
                given[field] = value
        record = logging.LogRecord.__new__(logging.LogRecord)
        record.__dict__.update(_BARE, **given)
        return record


def _resolver(source: str | None) -> Callable[[str, str], str]:
    """Return a function that finds the source file of a path, or of a bare file name, from a log."""
    if source is None:
        return lambda path, logger: path
    by_name: dict[str, list[str]] = {}
    for folder, folders, files in os.walk(source):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in ("node_modules", "__pycache__")
        ]
        for file in files:
            if file.endswith(".py"):
                by_name.setdefault(file, []).append(os.path.join(folder, file))

    @lru_cache(maxsize=10_000)
    def resolve(path: str, logger: str) -> str:
        wanted = path if path.endswith(".py") else f"{path}.py"
        candidates = by_name.get(os.path.basename(wanted), [])
        if not path:  # loguru writes the module only
            wanted = logger.replace(".", "/") + ".py"
            candidates = by_name.get(os.path.basename(wanted), [])
        ranked = sorted(
            candidates,
            key=lambda found: (-_alike(found, wanted), -_alike(found[:-3], logger.replace(".", "/"))),
        )
        if not ranked:
            return path
        if len(ranked) > 1 and _rank(ranked[0], wanted, logger) == _rank(ranked[1], wanted, logger):
            return path  # it could be two files; a wrong template would be worse than none
        return os.path.abspath(ranked[0])

    return resolve


def _rank(found: str, wanted: str, logger: str) -> tuple[int, int]:
    return _alike(found, wanted), _alike(found[:-3], logger.replace(".", "/"))


def _alike(one: str, other: str) -> int:
    """Return how many parts two paths have in common, counted from their ends."""
    parts = zip(reversed(one.split(os.sep)), reversed(other.replace("\\", "/").split("/")), strict=False)
    number = 0
    for mine, yours in parts:
        if mine != yours:
            break
        number += 1
    return number
