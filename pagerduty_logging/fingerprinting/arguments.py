"""Arguments that fill a template and do no more: the template alone decides the key of their record."""

from __future__ import annotations

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import exceptions

from . import causes, parts, texts
from .tokens import Token, says_enough
from .words import HEADER


def raised_among(args: object) -> list[BaseException] | None:
    """Return the raised exceptions among arguments; None if one of these may say more than a value does.

    That is one with a traceback in its text, a group that was not raised, or what is neither text, number nor
    exception. Runs none of the application's code.
    """
    if type(args) is not tuple:
        return None
    raised: list[BaseException] = []
    for value in args:
        if type(value) is str:
            if HEADER in value:
                return None
        elif type(value) not in PLAIN:
            if not causes.is_exception(value):
                return None
            if value.__traceback__ is not None:
                raised.append(value)
            elif exceptions.is_group(value):
                return None
    return raised


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
