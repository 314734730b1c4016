"""Exceptions that a line only speaks of: `log.error(f"unhandled error: {error}")` in a catch-all.

Such a line reports other code's failures as one with `exc_info` does: its words tell nothing apart.
"""

from __future__ import annotations

import logging
import sys
from copy import copy
from typing import Any

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import exceptions

from . import causes, failure


def with_handled(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy with the exception that the application's line was handed and speaks of; else the record.

    Call it on the thread that logs. The exception is one of the arguments, or is being handled there, and the
    message has its text. Runs that exception's `__str__`. What an ordinary `except` caught around a call of
    its own is not added: the line's words say what failed.
    """
    about = record.__dict__
    if about.get("exc_info") or about.get("exc_text"):
        return record
    msg, args = about.get("msg"), about.get("args")
    error = argument(args)
    if error is None:
        error = sys.exc_info()[1]
        if not isinstance(error, Exception) or not _has_words_of(error, msg, args):
            return record
    elif exceptions.is_group(error):
        return record
    if not failure.is_handed(record, error):
        return record
    told = copy(record)
    told.exc_info = (type(error), error, error.__traceback__)
    return told


def argument(args: Any) -> BaseException | None:
    """Return the first raised exception among a record's arguments."""
    if not args or type(args) not in (tuple, dict):
        return None
    for value in args.values() if type(args) is dict else args:
        if causes.is_exception(value) and value.__traceback__ is not None:
            return value
    return None


def _has_words_of(error: Exception, msg: Any, args: Any) -> bool:
    """Return whether the message, or one of its arguments, is made of an exception's text."""
    words = safejson.text(error).strip() or type(error).__name__
    texts = (msg, *args) if type(args) is tuple else (msg,)
    return any(type(text) is str and words in text for text in texts)
