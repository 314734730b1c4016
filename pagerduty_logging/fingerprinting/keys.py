"""The key itself: a versioned hash of a logger's name, a template, and what else tells problems apart."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Final

from pagerduty_logging.record import places

SCHEME: Final = "pdl2"
"""The version of the rules; every key made by them starts with it."""

_SEPARATOR: Final = "\x1f"
# CherryPy and others put an object's address into the name of a logger: it differs in each process.
_NUMBERED: Final = re.compile(r"\.[0-9]{4,}(?![^.])|\.0x[0-9a-f]+(?![^.])", re.ASCII)


def logger_name(record: logging.LogRecord) -> str:
    """Return the logger's name, without numbers that differ in each process.

    For a logger named "__main__" it is the name by which the main module would be imported.
    """
    name = record.name
    if name == places.MAIN and type(record.pathname) is str and record.pathname:
        return places.name_of_main(record.pathname)
    if type(name) is str and name[-1:].isalnum() and not name[-1:].isalpha():
        return _NUMBERED.sub(".<*>", name)
    return name


def key_of(name: object, template: str, joined: tuple[str, ...] = ()) -> str:
    """Return the key for a logger's name, a template, and what else joins them."""
    parts = f"{name!s}{_SEPARATOR}{template}"
    if joined:
        parts = _SEPARATOR.join((parts, *joined))
    digest = hashlib.sha256(parts.encode("utf-8", "backslashreplace"), usedforsecurity=False)
    return f"{SCHEME}-{digest.hexdigest()[:32]}"


def last_resort_key(record: logging.LogRecord, everywhere: tuple[str, ...]) -> str:
    """Return a key for a record that cannot be read: only its logger and level decide."""
    attributes = getattr(record, "__dict__", {})
    name, level = attributes.get("name"), attributes.get("levelno")
    template = f"level {level if type(level) is int else ''}"
    return key_of(name if isinstance(name, str) else "", template, everywhere)


def function_part(record: logging.LogRecord) -> tuple[str, ...]:
    """Return the part of the function that logged; nothing where it has no name of its own."""
    name = record.funcName
    # <lambda>, <listcomp>, ...: which of them have a frame depends on the Python version.
    if not isinstance(name, str) or not name or name.startswith(("<", "(")):
        return ()
    return (f"function={name}",)


def united(joined: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of both, each once."""
    return (*joined, *(part for part in more if part not in joined))


def module_part(record: logging.LogRecord) -> tuple[str, ...]:
    """Return the part of the module that logged, if it is known."""
    name = record.__dict__.get("module")
    if name == places.MAIN:
        name = places.name_of_main(record.pathname)
    return (f"module={name}",) if type(name) is str and name and name != "Unknown module" else ()
