"""Runs handlers with a simulated clock, one for each routing key; records come in the order of time.

Nothing is decided here: filters, problem, `min_occurrences`, throttle, order, budget and room are those of
the handler.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pagerduty_logging.cli.rehearse.functions import overrides_at
from pagerduty_logging.cli.rehearse.route import Route, Sent
from pagerduty_logging.fingerprinting import Fingerprinter, Identity, Rule
from pagerduty_logging.record import overrides
from pagerduty_logging.record.routing import RoutingRule, rules

NOT_REHEARSED: Final = frozenset(
    {"routing_key", "routing_key_file", "session", "spool", "background", "on_error", "enabled", "base_url",
     "region", "allow_http", "timeout", "flush_timeout", "state", "remember", "ledger", "ledger_bytes"}
)  # fmt: skip
"""Options that concern only the delivery and its record: nothing is delivered here."""
OF_ALL: Final = frozenset({"routing", "level"})
"""Options that are applied before the routing key of a record is known."""

SAME_KEYS: Final = frozenset(
    {"min_occurrences", "repeat_interval", "max_repeat_interval", "follow_up", "ignore_loggers", "level",
     "max_events_per_minute", "max_pending"}
)  # fmt: skip
"""Options that do not change which problem a record belongs to."""
CLOSE: Final = 0.001
"""Seconds before something is due from which it counts as due: sums of times are not exact."""
LONGEST: Final = 7 * 86_400.0
"""Seconds after the last record in which pending events are sent."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The result for one record.

    Attributes:
        key: its problem's dedup key.
        severity: PagerDuty's word for its level.
        ignored: a filter of the handler rejected it.
        uncertain: the key was made by masking values; reported once for each key.
        rule: number of the rule of `routing` that decided; 0: none did.
        identity: its problem, if that does not depend on other records.
    """

    key: str
    severity: str
    ignored: bool
    uncertain: bool
    rule: int = 0
    identity: Identity | None = None


class Simulation:
    """Takes records in the order of their times, and reports what would have been sent.

    Args:
        options: of `PagerDutyHandler`.
        filters: the handler's.
        formatter: the handler's; None: it has none.
        shows_page: returns whether the page of a problem, by its rule and dedup key, is wanted.
        is_known: returns whether `uncertain` has been reported for a problem.

    Attributes:
        level: the lowest level that pages.
        rules: the rules of `routing`, by number.

    Raises:
        ValueError, TypeError: naming the option that is wrong.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        filters: Sequence[Any] = (),
        formatter: logging.Formatter | None = None,
        shows_page: Callable[[int, str], bool] = lambda rule, key: False,
        is_known: Callable[[int, str], bool] = lambda rule, key: False,
    ) -> None:
        given = {name: value for name, value in options.items() if name not in NOT_REHEARSED}
        self._now = 0.0
        self._due = 0.0
        self._formatter = formatter
        self._is_known = is_known
        key_options = options.get("fingerprint")
        self._asks_function = isinstance(key_options, Mapping) and key_options.get("function_name") is True
        self.rules = _rules(options)
        of_each = {name: value for name, value in given.items() if name not in OF_ALL}
        self._main = Route(
            {name: value for name, value in given.items() if name != "routing"},
            filters,
            self._clock,
            shows_page,
        )
        self.level = self._main.level
        own = {options.get(name) for name in _KEYS} - {None}
        self._routes = [
            (rule, self._main)
            if own.intersection(_keys_of(options["routing"][rule.number - 1]))
            else (rule, Route(of_each, (), self._clock, shows_page, rule.number))
            for rule in self.rules
        ]
        self._all = list(dict.fromkeys((self._main, *(route for _, route in self._routes))))

    def _clock(self) -> float:
        return self._now

    def take(self, record: logging.LogRecord, known: Identity | None = None) -> tuple[Judged, list[Sent]]:
        """Pass a record to the handler at its time.

        Args:
            record: the record.
            known: its problem, where an equal handler has found it before.

        Returns:
            the result for it, and the events that were sent since the previous record.
        """
        now = max(record.created, self._now)
        sent = self._advance(now) if self._due <= now + CLOSE else []
        self._now = now
        defects: list[str] = []
        passed = self._main.filtered(record, defects)
        rule, route = self._route_of(passed or record)
        occurrence = None
        if passed is not None:
            record = passed
            occurrence = route.take(record, self._formatter, defects, known)
            self._due = min(self._due, route.due)
            if self._due <= now + CLOSE:
                sent += self._advance(now)
        key = None if occurrence is None else occurrence.key
        if occurrence is None or key is None:
            key = route.key_of(record) if known is None else known.key
            said = overrides.said_by(record.__dict__)
            severity = overrides.severity_of(record.levelno, said if isinstance(said, dict) else {})
        else:
            severity = occurrence.severity
            if known is None and not occurrence.origin.path:
                known = Identity(key, occurrence.by_message)
        uncertain = not self._is_known(rule, key) and self._is_uncertain(record)
        return Judged(key, severity.value, occurrence is None, uncertain, rule, known), sent

    def _route_of(self, record: logging.LogRecord) -> tuple[int, Route]:
        for rule, route in self._routes:
            if rule.fits(record.name, record.levelno):
                return 0 if route is self._main else rule.number, route
        return 0, self._main

    def _is_uncertain(self, record: logging.LogRecord) -> bool:
        """Return whether a record's key was made by masking, or of less than the real one."""
        if overrides.own_key(record.__dict__) is not None:
            return False
        if (
            record.lineno
            and "pagerduty" not in record.__dict__
            and overrides_at(record.pathname, record.lineno)
        ):
            return True
        return (self._asks_function and not record.funcName) or _EXPLAINS.explain(record).rule is Rule.MASK

    def finish(self) -> list[Sent]:
        """Send what is pending; return it."""
        return self._advance(self._now + LONGEST)

    @property
    def dropped(self) -> dict[str, int]:
        """Events that there was no room for, by reason."""
        found: dict[str, int] = {}
        for route in self._all:
            for reason, count in route.dropped.items():
                found[reason] = found.get(reason, 0) + count
        return found

    def _advance(self, until: float) -> list[Sent]:
        """Advance the clock, and send what becomes due on the way."""
        sent: list[Sent] = []
        while True:
            for route in self._all:
                sent += route.sent_now()
            wait = min((route.wait for route in self._all if route.wait is not None), default=None)
            if wait is None or self._now + wait > until:
                break
            self._now += max(wait, 1e-6)
        self._now = until
        self._due = min(route.due for route in self._all)
        return sent


_EXPLAINS: Final = Fingerprinter()
_KEYS: Final = ("routing_key", "routing_key_file")


def _keys_of(rule: Mapping[str, Any]) -> set[Any]:
    return {rule.get(name) for name in _KEYS}


def _rules(options: Mapping[str, Any]) -> list[RoutingRule]:
    """Return the rules of `routing`, each with a made-up key, because real keys are not needed."""
    option = options.get("routing", ())
    if isinstance(option, Sequence) and not isinstance(option, (str, bytes)):
        option = [
            {**rule, "routing_key": f"{number:032d}", "routing_key_file": None}
            if isinstance(rule, Mapping) and any(_keys_of(rule))
            else rule
            for number, rule in enumerate(option, 1)
        ]
    return rules(option)
