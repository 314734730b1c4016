"""With which routing key a record is sent: the first rule that fits decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key
from pagerduty_logging.record.filters import pattern_of

_KEYS = ("routing_key", "routing_key_file")
_NAMES = ("logger", "level", *_KEYS)


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Records of these loggers, of this level or a higher one, are sent with this key.

    Attributes:
        number: its place in the list, from 1.
        loggers: names, each with all loggers below it, or globs; empty: all loggers.
        level: the lowest level; 0: all.
        key: the routing key.
    """

    number: int
    loggers: tuple[str, ...]
    level: int
    key: RoutingKey

    def fits(self, name: object, level: object) -> bool:
        """Return whether the rule decides for a record of this logger and level."""
        if self.level and not (isinstance(level, (int, float)) and level >= self.level):
            return False
        if not self.loggers:
            return True
        return isinstance(name, str) and any(re.match(pattern_of(glob), name) for glob in self.loggers)

    def leaves_nothing_of(self, later: RoutingRule) -> bool:
        """Return whether a later rule can never apply, because this one fits all that the later one fits."""
        if self.level > later.level:
            return False
        if not self.loggers:
            return True
        return bool(later.loggers) and all(
            any(_covers(mine, theirs) for mine in self.loggers) for theirs in later.loggers
        )


def _covers(mine: str, theirs: str) -> bool:
    """Return whether one name or glob fits everything that another one fits; False if that is not obvious."""
    if mine == theirs:
        return True
    if "?" in mine or "[" in mine:
        return False
    if "*" in mine:
        # A plain name stands for all below it too: they fit only what ends in a star.
        return fnmatchcase(theirs, mine) and (any(c in theirs for c in "*?[") or mine.endswith("*"))
    return theirs.startswith(f"{mine}.")


def rules(option: object) -> list[RoutingRule]:
    """Return the rules that the option `routing` gives.

    Raises:
        TypeError, ValueError: naming the option, and the rule by its number, and echoing no key.
    """
    if isinstance(option, (str, bytes, Mapping)) or not isinstance(option, Sequence):
        raise TypeError(f"routing must be a list of rules, not {type(option).__name__}")
    made: list[RoutingRule] = []
    for number, given in enumerate(option, start=1):
        try:
            rule = _rule(number, given)
        except (TypeError, ValueError) as error:
            raise type(error)(f"routing: rule {number}: {error}") from None
        for earlier in made:
            if earlier.key.reveal() == rule.key.reveal():
                raise ValueError(
                    f"routing: rules {earlier.number} and {number} have the same routing key: make them one, "
                    "whose `logger` is a list"
                )
            if earlier.leaves_nothing_of(rule):
                raise ValueError(
                    f"routing: rule {number} can never match: rule {earlier.number} matches all that it does"
                )
        made.append(rule)
    return made


def _rule(number: int, given: object) -> RoutingRule:
    if not isinstance(given, Mapping):
        raise TypeError(f"must be a mapping, not {type(given).__name__}")
    unknown = sorted(str(name) for name in given if name not in _NAMES)
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; there is {', '.join(_NAMES)}")
    if not any(given.get(name) is not None for name in _KEYS):
        raise ValueError("needs a routing_key or a routing_key_file")
    key = find_routing_key(
        given.get("routing_key"), given.get("routing_key_file"), where=f"routing: rule {number}: "
    )
    assert key is not None
    return RoutingRule(number, _loggers(given.get("logger")), _level(given.get("level")), key)


def _loggers(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, Sequence) or not several or not all(isinstance(name, str) for name in several):
        raise TypeError("logger must be a name or a glob, or a list of them")
    if not all(name.strip() for name in several):
        raise ValueError("logger is empty")
    return tuple(several)


def _level(given: Any) -> int:
    return 0 if given is None else options.level("level", given)
