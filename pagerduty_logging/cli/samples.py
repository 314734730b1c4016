"""Makes records like those that the calls at a line log, as far as the source shows them."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pagerduty_logging.cli.call_sites import CallSite, brings_an_exception, line_of, message_of

_VALUE: Final = "7"
"""What a text has in place of a value that the source does not show."""
_NUMBER: Final = 7
"""Fills a placeholder of any type."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A record that a call may log.

    Attributes:
        record: the record.
        with_exceptions: the same, with exceptions as the values that the source does not show; they may
            become part of the key.
        is_whole: whether the source shows all of it.
        raises: whether it has an exception, which the source does not show.
    """

    record: logging.LogRecord
    with_exceptions: logging.LogRecord
    is_whole: bool
    raises: bool


def samples(site: CallSite, lines: list[str], path: str, logger: str) -> list[Sample]:
    """Return the records that the calls at a line may log, one for each text that they can build."""
    return [sample for call in site.calls for sample in _of_call(site, call, lines, path, logger)]


def _of_call(site: CallSite, call: ast.Call, lines: list[str], path: str, logger: str) -> Iterator[Sample]:
    from pagerduty_logging.fingerprinting.expressions import templates_of
    from pagerduty_logging.fingerprinting.templates import OPAQUE

    message, values = message_of(call)
    if message is None or site.tree is None:
        return
    found = templates_of(site.tree, lines, call, message, formatted=bool(values))
    raises = brings_an_exception(call)
    for template in found:
        if template.pieces == OPAQUE and not values:
            continue  # the source shows nothing of the message
        text = template.text if values else _VALUE.join(template.pieces)
        args, are_known = _args(values, text)
        failed = tuple(
            arg if known else ValueError(_VALUE) for arg, known in zip(args, are_known, strict=True)
        )
        made = [
            logging.LogRecord(logger, logging.ERROR, path, line_of(call), text, filled, None, site.function)
            for filled in (args, failed)
        ]
        is_whole = all(are_known) and (bool(values) or len(template.pieces) == 1)
        yield Sample(made[0], made[1], is_whole and not raises, raises)


def _args(values: list[ast.expr], text: str) -> tuple[tuple[Any, ...], list[bool]]:
    """Return the values that fill a text, and for each whether it is known."""
    from pagerduty_logging.fingerprinting.templates import PERCENT

    if any(isinstance(value, ast.Starred) for value in values):
        missing = sum(found[1] != "%" for found in PERCENT.finditer(text))
        return (_NUMBER,) * missing, [False] * missing
    args: list[Any] = []
    known: list[bool] = []
    for value in values:
        try:
            args.append(ast.literal_eval(value))
            known.append(True)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            keys = (
                [key.value for key in value.keys if isinstance(key, ast.Constant)]
                if isinstance(value, ast.Dict)
                else []
            )
            args.append(dict.fromkeys(keys, _NUMBER) if keys else _NUMBER)
            known.append(bool(keys))
    return tuple(args), known
