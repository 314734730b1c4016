"""Renders template strings of Python 3.14 as the f-string with the same words."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

# From the syntax, which Python 3.13 does not read: importing `string.templatelib` takes longer.
_TEMPLATE: object = type(eval('t""')) if sys.version_info >= (3, 14) else None
"""The type, which cannot be derived from."""


def is_template(value: object) -> bool:
    """Return whether `value` is a template string. Runs none of the application's code."""
    return type(value) is _TEMPLATE


def text_of(template: Any, shown: Callable[[object], str]) -> str:
    """Return the text, with values that have no format of their own as `shown` shows them. May raise."""
    parts = [template.strings[0]]
    for part, string in zip(template.interpolations, template.strings[1:], strict=True):
        value = text_of(part.value, shown) if is_template(part.value) else part.value
        if part.conversion is not None:
            value = _CONVERSIONS[part.conversion](value)
        parts += (format(value, part.format_spec) if part.format_spec else shown(value), string)
    return "".join(parts)


def values_of(template: Any) -> dict[str, object]:
    """Return the values by their expressions, with those of nested templates."""
    values: dict[str, object] = {}
    for part in template.interpolations:
        if is_template(part.value):
            values |= values_of(part.value)
        else:
            values[part.expression] = part.value
    return values


def values_within(given: object, depth: int = 3) -> dict[Any, object]:
    """Return the values of the template strings among the first entries of `given`, and within them."""
    if is_template(given):
        return values_of(given)
    kind = type(given)
    if not depth or kind not in (dict, list, tuple):
        return {}
    values: dict[Any, object] = {}
    entries: Any = given.values() if kind is dict else given  # type: ignore[attr-defined]
    for entry in itertools.islice(entries, _MAX_ENTRIES):
        if type(entry) is not str and type(entry) is not int:
            values |= values_within(entry, depth - 1)
    return values


_MAX_ENTRIES = 20
_CONVERSIONS: dict[str, Callable[[object], str]] = {"s": str, "r": repr, "a": ascii}
