"""Arguments that fill a template and do no more: the template alone decides the key of their record."""

from __future__ import annotations

import datetime
import decimal
import functools
from typing import Any, Final

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import exceptions

from . import causes, parts, texts
from .tokens import Token, says_enough
from .words import HEADER

_VALUES: Final = frozenset(
    (
        type,
        bytes,
        dict,
        set,
        decimal.Decimal,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
    )
)


def raised_among(args: object) -> list[BaseException] | None:
    """Return the raised exceptions among arguments; None if one of these may say more than a value does.

    That is one with a traceback in its text, a group that was not raised, exceptions in a list, or what may
    claim to be an exception. Runs none of the application's code.
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
                if _is_value(value):
                    continue
                return None
            if value.__traceback__ is not None:
                raised.append(value)
            elif exceptions.is_group(value):
                return None
    return raised


def _is_value(value: Any) -> bool:
    kind: Any = type(value)
    by_address: Any = object.__hash__
    if kind is list or kind is tuple:
        return not value or type(value[0]) in PLAIN
    return kind in _VALUES or (type(kind).__hash__ is by_address and _shows_its_class(kind))


@functools.lru_cache(maxsize=512)
def _shows_its_class(kind: Any) -> bool:
    """Return whether `isinstance` sees objects of a type, no exceptions, as none either."""
    if issubclass(kind, (str, list, tuple)):
        return False
    own = [vars(base) for base in kind.__mro__ if base is not object]
    return not any("__class__" in names or "__getattribute__" in names for names in own)


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
