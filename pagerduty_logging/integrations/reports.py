"""Records by which a host reports a failure of the application, rewritten as that failure.

Such a record comes from one line for all failures. Its template is made to name what failed, so that each
is its own problem; ids and reasons are arguments, so that they are not.
"""

from __future__ import annotations

import logging
import sys

from pagerduty_logging.events_api import safejson

_MAX_ERROR_CHARS = 2_000


def describe(record: logging.LogRecord, what: str, name: str, identity: str, fate: str, *why: object) -> None:
    """Make `record` say, for example, "Task shop.pay[8b1a] raised KeyError: 'card'"."""
    head, tail = (words.replace("%", "%%") for words in (f"{what} {name}", fate))
    record.lineno = 0  # the host's line says something else: not to be asked for the template
    record.msg = f"{head}[%s] {tail}" + ": %s" * len(why)
    record.args = (identity, *why)


def describe_error(record: logging.LogRecord, what: str, name: str, identity: str) -> None:
    """Make `record` describe the exception that is being handled, or its own.

    Hosts may pass on a copy of an exception, or its text: that would be another problem than the one
    that the application may have logged itself.
    """
    error = sys.exc_info()[1] or (record.exc_info[1] if record.exc_info else None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
        words = safejson.text(error, _MAX_ERROR_CHARS)
        describe(record, what, name, identity, f"raised {type(error).__name__}", *([words] if words else []))
