"""The figures of a page: how often a problem happened, since when and where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pagerduty_logging.events_api.clock import time_of_day
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.events_api.safejson import free_name
from pagerduty_logging.state import why as words
from pagerduty_logging.state.problem import History
from pagerduty_logging.state.protocol import Mine
from pagerduty_logging.state.why import Why

KNOWN_HERE = frozenset({"why", "occurrences", "suppressed", "suppressed_since", "first_seen", "counted_by"})
"""Those that a process has of itself; a detail with another one's name is the program's own."""
KNOWN_EVERYWHERE = frozenset(
    {"silenced", "hosts", "host_names", "processes", "starts", "first_release", "new_in_release"}
)
"""Figures that only a shared state knows."""
ALONE = "this process alone"
"""Who has counted where there is a shared state, and these figures are not those of all."""
YOUNG = 60.0
"""Seconds after the start of a process in which a failure counts as one of its start."""
_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))
_started = time_of_day()


def take(history: History, severity: Severity, mine: Mine, composed: Trigger | None) -> Trigger | None:
    """Add what all processes know of a problem to its history.

    Args:
        history: of the problem.
        severity: that the event has.
        mine: what is known.
        composed: the trigger, if it was composed before.

    Returns:
        The same trigger, brought up to date.
    """
    first = history.everywhere is None
    history.occurrences, history.suppressed = mine.occurrences, mine.suppressed
    history.first_seen, history.everywhere = mine.first_seen, mine
    history.why = _why(history, severity, mine)
    return None if composed is None else brought_up_to_date(history, composed, first=first)


def take_for_another(mine: Mine, composed: Trigger | None) -> Trigger | None:
    """Return the trigger of another process, which has ended, with what all processes know by now.

    One that says more is left as it is: a state that was emptied since knows less, and a second alert has
    figures of its own.
    """
    shown = (composed and composed.custom_details) or {}
    said, number = shown.get("why"), shown.get("occurrences")
    if composed is None or type(said) is not str or type(number) is not int or number > mine.occurrences:
        return None
    known = mine if "processes" in shown and "counted_by" not in shown else None
    history = History(number, 0, mine.first_seen, why=said, everywhere=known, shared=True)
    return take(history, Severity(composed.severity), mine, composed)


def details(history: History, young: float | None = None) -> dict[str, Any]:
    """Return the figures as custom details, without those that are empty.

    Args:
        history: of the problem.
        young: seconds since the process began; default: since this module was imported.
    """
    shown: dict[str, Any] = {"why": history.why, "occurrences": history.occurrences}
    mine = history.everywhere
    if history.suppressed:
        shown["suppressed"] = history.suppressed
        if history.since and mine is None:
            shown["suppressed_since"] = iso(history.since)
    if mine is not None and mine.silenced:
        shown["silenced"] = mine.silenced
    shown["first_seen"] = iso(history.first_seen)
    if mine is None:
        return {**shown, "counted_by": ALONE} if history.shared else shown
    at_least = "at least {:,}".format
    shown["hosts"] = at_least(mine.hosts) if mine.more else mine.hosts
    shown["host_names"] = list(mine.host_names)
    shown["processes"] = at_least(mine.processes) if mine.more else mine.processes
    starts = _starts(mine, time_of_day() - _started if young is None else young)
    if starts:
        shown["starts"] = starts
    if mine.first_release is not None:
        shown["first_release"] = mine.first_release
        if mine.new_in_release is not None:
            shown["new_in_release"] = (
                f"{mine.first_release}, {span(mine.new_in_release)} after its first start"
            )
    return shown


def brought_up_to_date(history: History, composed: Trigger, *, first: bool = True) -> Trigger:
    """Update a trigger that was composed before the figures of all processes were known.

    Args:
        history: what is known by now.
        composed: the trigger.
        first: it has no such figures so far: what has their names is the program's own.
    """
    return composed if history.everywhere is None else renewed(history, composed, first=first)


def renewed(history: History, composed: Trigger, *, first: bool = True) -> Trigger:
    """Return a trigger with new figures in place of the old ones; see `brought_up_to_date`."""
    shown, new = dict(composed.custom_details or {}), details(history)
    for name in KNOWN_HERE - new.keys():
        shown.pop(name, None)
    for name in (new.keys() & shown.keys()) - KNOWN_HERE if first else ():
        shown[free_name(f"{name} (logged)", (*shown, *new))] = shown.pop(name)
    return composed.with_plain_details({**shown, **new})


def _why(history: History, severity: Severity, mine: Mine) -> str:
    """Return why an event is sent, now that it is known what others sent."""
    since = mine.last_seen - (mine.told_at or mine.first_seen)  # the event before may have been another's
    match Why.of(history.why):
        case Why.SIZE:
            return words.size(mine.suppressed, since)
        case Why.FIRST | Why.AGAIN if mine.events and mine.told_severity is not None:
            if severity.rank < mine.told_severity:
                return words.worse(tuple(Severity)[mine.told_severity], severity)
            return words.again(since, mine.suppressed)
        case Why.AGAIN:
            return Why.FIRST.said()
    return history.why


def _starts(mine: Mine, age: float) -> str:
    """Return how many starts of the program the problem broke; nothing if it does not break the start.

    It breaks the start if this process has only just begun, the problem is older than it, and each process
    had it about once.
    """
    lasted = mine.last_seen - mine.first_seen
    again = mine.processes > 1 and lasted > age and age <= YOUNG
    if not again or mine.occurrences > 2 * mine.processes:
        return ""
    number = f"at least {mine.processes:,}" if mine.more else f"{mine.processes:,}"
    return f"{number} starts in {span(lasted)}"


def span(seconds: float) -> str:
    """Return a length of time as text, in its biggest unit: "6 minutes"."""
    seconds = max(seconds, 1.0)
    size, unit = next(one for one in _UNITS if seconds >= one[0])
    number = round(seconds / size)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def iso(seconds: float) -> str:
    """Return a time as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
