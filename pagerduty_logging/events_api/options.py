"""Checks of options: each returns the value, or raises an error that names the option."""

from __future__ import annotations

import inspect
import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pagerduty_logging.events_api.address import is_web_address

_F = TypeVar("_F", bound=Callable[..., Any])


def seconds(option: str, value: float, *, zero: bool = False, most: float = math.inf) -> float:
    """Return `value`, a finite number of seconds above 0 (or from 0, if that has a meaning) up to `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{option} must be a number of seconds, not {type(value).__name__}")
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "of 0 or more" if zero else "above 0"
        raise ValueError(f"{option} must be a finite number of seconds {least}")
    if value > most:
        raise ValueError(f"{option} must be at most {most:,.0f} seconds")
    return float(value)


def count(option: str, value: int) -> int:
    """Return `value`, a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{option} must be a whole number, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{option} must be at least 1")
    return value


def flag(option: str, value: bool) -> bool:
    """Return `value`, True or False: "no" in quotes would otherwise mean yes."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False, not {type(value).__name__}")
    return value


def function(option: str, value: _F | None, *arguments: str) -> _F | None:
    """Return `value`, something to call with these `arguments`, or None."""
    if value is None:
        return None
    if not callable(value):
        raise TypeError(f"{option} must be callable or None, not {type(value).__name__}")
    try:
        # Not what `functools.wraps` wraps, which may take other arguments.
        signature = inspect.signature(value, follow_wrapped=False)
    except Exception:  # a builtin, or an annotation that cannot be evaluated
        return value
    try:
        signature.bind(*arguments)
    except TypeError:
        raise TypeError(f"{option} must take the arguments of {option}({', '.join(arguments)})") from None
    return value


def level(option: str, value: int | str) -> int:
    """Return `value`, a level's name as `logging` writes it, or its number, as a number."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"{option} must be the name or the number of a level, not {type(value).__name__}")
    if isinstance(value, int):
        return value
    names = logging.getLevelNamesMapping()
    if value.upper() not in names:
        raise ValueError(f"{option}: unknown level {value!r}: must be a number or one of {', '.join(names)}")
    return names[value.upper()]


def path(option: str, value: str | os.PathLike[str] | None) -> str | None:
    """Return `value`, a path or None."""
    if value is None:
        return None
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(text, str):
        raise TypeError(f"{option} must be a path or None, not {type(value).__name__}")
    if not text or "\0" in text:
        raise ValueError(f"{option} is not a path")
    return text


def web_address(option: str, value: str | None) -> str | None:
    """Return `value`, an http or https address or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{option} must be text or None, not {type(value).__name__}")
    if value and not is_web_address(value):
        raise ValueError(f"{option} must be an address that begins with https:// or http://")
    return value


def mapping(option: str, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return `value`, a mapping or None."""
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{option} must be a mapping or None, not {type(value).__name__}")
    return value


def several(option: str, values: object, fits: Callable[[object], bool], what: str) -> list[Any]:
    """Return `values`, a list in which every item `fits`; `what` says what the items must be."""
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping, type)):
        items = list(values)
        if all(map(fits, items)):
            return items
    raise TypeError(f"{option} must be a list of {what}")
