"""Rewrites a host's record about a failure of the application, so that it describes that failure.

A host logs all failures with one line. What failed becomes part of the template, so that each is its own
problem; ids and reasons stay arguments, so that they make no new problems.
"""

from __future__ import annotations

import logging
import sys

from pagerduty_logging.events_api import safejson

MAX_ERROR_CHARS = 2_000
"""Characters that are kept of an exception's text."""


def describe(
    record: logging.LogRecord, what: str, name: str, identity: str, happened: str, *why: object
) -> None:
    """Make `record` say, for example, "Task shop.pay[8b1a] raised KeyError: 'card'"."""
    head, tail = (words.replace("%", "%%") for words in (f"{what} {name}", happened))
    record.lineno = 0  # the host's line of source has another template
    record.msg = f"{head}[%s] {tail}" + ": %s" * len(why)
    record.args = (identity, *why)


def describe_error(record: logging.LogRecord, what: str, name: str, identity: str) -> None:
    """Make `record` describe the exception that is being handled, or its own.

    Hosts may log a copy of an exception, or its text, which would be another problem than the one that the
    application itself may have logged.
    """
    error = sys.exc_info()[1] or (record.exc_info[1] if record.exc_info else None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
        words = safejson.text(error, MAX_ERROR_CHARS)
        describe(record, what, name, identity, f"raised {type(error).__name__}", *([words] if words else []))
