"""Template strings (`t"disk full on {disk}"`, from Python 3.14 on) for handlers that show them as objects."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any


class RenderTemplates(logging.Filter):
    """A filter that lets a handler show template strings as text, as it would show f-strings.

    Add it to the handlers that print or write records: `handler.addFilter(RenderTemplates())`. Such a handler
    gets a copy; other handlers still get the template. `PagerDutyHandler` needs no such filter: it shows
    the text, and distinguishes problems by the template. Do not add it to a logger or a `QueueHandler`: what
    comes after them would not see the template.

    Template strings are rendered in the message, in its arguments and in `extra`. Their values are not
    redacted, like those of f-strings. For a value that cannot be shown the exception's type is shown.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:  # type: ignore[override]
        """Return `record`, or a copy of it that holds texts in place of template strings."""
        rendered = {name: _rendered(value) for name, value in record.__dict__.items()}
        if all(value is record.__dict__[name] for name, value in rendered.items()):
            return record
        record = copy.copy(record)
        record.__dict__.update(rendered)
        return record


def _is_template(value: object) -> bool:
    kind = type(value)  # a final class, whose module need not be imported
    return kind.__name__ == "Template" and kind.__module__ == "string.templatelib"


def _rendered(value: Any) -> Any:
    """Return `value`, or a copy in which each template string is its text."""
    if _is_template(value):
        return _text(value)
    if type(value) is tuple and any(map(_is_template, value)):
        return tuple(map(_rendered, value))
    if type(value) is dict and any(map(_is_template, value.values())):
        return {key: _rendered(one) for key, one in value.items()}
    return value


def _text(template: Any) -> str:
    parts = [template.strings[0]]
    for interpolation, string in zip(template.interpolations, template.strings[1:], strict=True):
        parts += (_shown(interpolation), string)
    return "".join(parts)


def _shown(interpolation: Any) -> str:
    """Return a value as an f-string shows it."""
    value = interpolation.value
    try:
        if _is_template(value):
            value = _text(value)
        if interpolation.conversion is not None:
            value = _CONVERSIONS[interpolation.conversion](value)
        return format(value, interpolation.format_spec)
    except Exception as broken:
        return f"<{interpolation.expression}: {type(broken).__name__}>"


_CONVERSIONS: dict[str, Callable[[object], str]] = {"s": str, "r": repr, "a": ascii}
