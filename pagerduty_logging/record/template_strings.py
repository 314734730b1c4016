"""Template strings of Python 3.14 (`t"disk full on {disk}"`), as objects, and as the `repr` in a text."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.template_text import is_template, values_of
from pagerduty_logging.record import literals

HOLE = "{}"
"""The placeholder for a value in a template."""
_NAME = "Template"
_BEGINS = f"{_NAME}(strings=("
MAX_VALUE = 4_000
"""Characters of one value that are shown."""


class TemplateString(NamedTuple):
    """A template string, taken apart: between each two of its strings there is a value."""

    strings: tuple[str, ...]
    shown: tuple[str, ...]
    """The values as the text shows them."""
    values: dict[str, object]
    """The values, by the expressions in the source."""

    @property
    def template(self) -> str:
        """The text with placeholders for the values, as that of an f-string with the same words."""
        return HOLE.join(self.strings)

    @property
    def text(self) -> str:
        """The text, values and all."""
        parts = [self.strings[0]]
        for shown, string in zip(self.shown, self.strings[1:], strict=False):
            parts += (shown, string)
        return "".join(parts)


def is_one(value: object) -> bool:
    """Return whether `value` is a template string, or one that was read from its `repr`."""
    kind = type(value)
    return kind is TemplateString or is_template(value)


def read(value: Any) -> TemplateString:
    """Split a template string into its parts. Runs the application's code, to show the values."""
    if type(value) is TemplateString:
        return value
    values = values_of(value)
    shown = tuple(_shown(part) for part in value.interpolations)
    return TemplateString(tuple(value.strings), shown, values)


def _as_it_is(_: str, shown: str) -> str:
    return shown


def rendered(text: str, show: Callable[[str, str], str] = _as_it_is) -> tuple[str, dict[str, object]]:
    """Return `text` with each `repr` of a template string replaced by its text, and all their values.

    Other code makes such a `repr`: a queue from an argument, an object from its field, JSON from a value. One
    that cannot be read is left out: it may hold a secret.

    Args:
        text: any text.
        show: (expression, shown value) → what is shown.
    """
    parts: list[str] = []
    values: dict[str, object] = {}
    at = 0
    while (begin := text.find(_BEGINS, at)) >= 0:
        end = literals.end(text, begin + len(_NAME))
        template = read_repr(text[begin:end], show) if end > 0 else None
        parts += (text[at:begin], f"{_NAME}(…)" if template is None else template.text)
        values |= {} if template is None else template.values
        at = end if end > 0 else len(text)
    return "".join((*parts, text[at:])), values


def read_repr(text: str, show: Callable[[str, str], str] = _as_it_is) -> TemplateString | None:
    """Return the template string that `text` is the `repr` of, with texts as values, or None."""
    whole = literals.items(text.removeprefix(_NAME))
    if whole is None or len(whole) != 2 or not whole[0].startswith("strings="):
        return None
    interpolations = literals.items(whole[1].removeprefix("interpolations="))
    try:
        strings = ast.literal_eval(whole[0].removeprefix("strings="))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if interpolations is None or len(strings) != len(interpolations) + 1:
        return None
    shown: list[str] = []
    values: dict[str, object] = {}
    for interpolation in interpolations:
        parts = literals.items(interpolation.removeprefix("Interpolation"))
        if parts is None or len(parts) != 4:
            return None
        value, expression, conversion, spec = parts
        if value[:1] in ("'", '"'):
            plain = literals.string(value)
            value = value if conversion in ("'r'", "'a'") else plain
        name = literals.string(expression)
        inner = read_repr(value, show) if value.startswith(_BEGINS) else None
        values |= {name: value} if inner is None else inner.values
        shown.append(
            inner.text if inner is not None else show(name, _formatted(value, literals.string(spec)))
        )
    return TemplateString(tuple(strings), tuple(shown), values)


def _shown(part: Any) -> str:
    value = safejson.text(part.value, MAX_VALUE) if is_template(part.value) else part.value
    if part.conversion is not None:
        value = f"{value!r}" if part.conversion == "r" else f"{value!s}"
        value = ascii(value) if part.conversion == "a" else value
    if part.format_spec:
        return safejson.text(_formatted(value, part.format_spec), MAX_VALUE)
    if issubclass(type(value), (dict, list, tuple, set, frozenset)):
        return str(safejson.jsonable(value))[:MAX_VALUE]
    return safejson.text(value, MAX_VALUE)


def _formatted(value: object, spec: str) -> str:
    try:
        return format(value, spec)
    except Exception:  # a value that came out of a queue is text
        return safejson.text(value, MAX_VALUE)
