"""Arguments that fill a template and do no more: the template alone decides the key of their record."""

from __future__ import annotations

import logging
import sys
from typing import Any

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import exceptions

from . import causes, failure, parts, texts
from .tokens import Token, says_enough
from .words import HEADER


def are_values(record: logging.LogRecord) -> bool:
    """Return whether the arguments and the exceptions of RECORD say nothing that joins its key.

    No argument holds a traceback, and each exception among them, in `exc_info` or being handled is one that
    the line's own `except` caught. Runs none of the application's code.
    """
    args = record.args
    if type(args) is not tuple:
        return False
    info: Any = record.exc_info
    error: Any = None
    if info:
        if type(info) is not tuple or len(info) != 3 or not failure.is_ordinary(record, info[1]):
            return False
        error = info[1]
    elif record.exc_text:
        return False
    raised = error is not None
    for value in args:
        if type(value) is str:
            if HEADER in value:
                return False
        elif type(value) not in PLAIN and value is not error:
            if not causes.is_exception(value):
                return False
            if value.__traceback__ is None:
                if exceptions.is_group(value):
                    return False
            elif not failure.is_ordinary(record, value):
                return False
            else:
                raised = True
    if raised:
        return True
    handled = sys.exception()
    return handled is None or failure.is_ordinary(record, handled)


def token_with_values(name: str, template: str, function: object) -> Token | None:
    """Return the token of all records of a template whose arguments are values; None of a text that is none.

    Args:
        name: the logger's.
        template: `record.msg`.
        function: that logged.
    """
    if "%" not in template or not texts.has_words(template):
        return None
    return name, template, () if says_enough(template) else parts.logged_in(function)
