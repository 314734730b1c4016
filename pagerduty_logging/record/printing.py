"""A record's own message, in which no container is printed deeper or longer than anybody reads."""

from __future__ import annotations

import logging
import operator
from copy import copy
from typing import Any

from pagerduty_logging.events_api.safejson import printable


def message_of(record: logging.LogRecord) -> str:
    """Return what `getMessage` says, with containers printed as far as they can be read. May raise."""
    return _printable(record).getMessage()


def _printable(record: logging.LogRecord) -> logging.LogRecord:
    msg = printable(record.msg)
    args: Any = record.args
    if type(args) is tuple:
        shown: Any = tuple(map(printable, args))
        same = all(map(operator.is_, shown, args))
    else:
        shown = printable(args)
        same = shown is args
    if same and msg is record.msg:
        return record
    bounded = copy(record)
    bounded.msg, bounded.args = msg, shown
    return bounded
