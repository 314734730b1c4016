"""Whether a traceback in a message is the program's own: of the exception that it is handling as it logs.

Anybody can send a text that looks like a traceback; nobody can send the exception that is being handled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.exceptions import MAX_TEXT, Raised, kind_of

_BETWEEN_ROWS = " |;,'\"])\n"


def is_printed_in(message: object, args: object, error: BaseException) -> bool:
    """Return whether a message, or an argument of it, is the printed traceback of `error`.

    Runs the application's code, the exception's `__str__`, only where there is a traceback.

    Args:
        message: `msg` of a record.
        args: its arguments.
        error: the exception that is being handled.
    """
    for text in _texts(message, args):
        if "(most recent call last)" in text and (held := printed_traceback.find_in(text)) is not None:
            printed = printed_traceback.parse(held.traceback)
            said = Raised(kind_of(type(error)), safejson.text(error, MAX_TEXT))
            if printed and is_same(printed[0], said):
                return True
    return False


def is_same(printed: Raised, error: Raised) -> bool:
    """Return whether a printed exception is `error`; words may follow it in the text.

    loguru prints the statement of an assertion that has no words.
    """
    if printed.name != error.name:
        return False
    first, last = printed.text.partition("\n")[0].strip(), error.text.partition("\n")[0].strip()
    return first.startswith(last or "assert ") or not (first or last)


def following(printed: Raised, error: Raised) -> str:
    """Return the words that follow a printed traceback of `error`."""
    rest = printed.text.removeprefix(error.text)
    return "" if rest == printed.text and error.text else rest.strip(_BETWEEN_ROWS)


def _texts(message: object, args: object) -> Iterator[str]:
    values = args if isinstance(args, tuple) else args.values() if isinstance(args, Mapping) else ()
    for value in (message, *values):
        if type(value) is str:
            yield value
        elif type(value) is dict:
            yield from (text for text in value.values() if type(text) is str)
