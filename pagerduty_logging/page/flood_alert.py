"""The alert of a flood: one alert in place of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pagerduty_logging.events_api.events import Trigger, rewritten
from pagerduty_logging.events_api.text import cleaned, cut, first_line
from pagerduty_logging.record.exceptions import Frame
from pagerduty_logging.state.floods import Flood

MAX_EXAMPLE_CHARS = 500
GATHERING_SECONDS = 5.0
"""Seconds for which the first event of a flood waits, so that it can say how many there are."""


@dataclass(frozen=True, slots=True)
class FloodAlert:
    """The alert that an occurrence shares with the others of a flood.

    Attributes:
        key: the dedup key.
        rewrite: turns the occurrence's own alert into that of the flood.
    """

    key: str
    rewrite: Callable[[Trigger], Trigger]


def messages_of_a_line(trigger: Trigger, *, flood: Flood, line: Frame) -> Trigger:
    """Return the alert of a flood of messages, made from that of its latest message."""
    place = f"{line.path.replace(chr(92), '/').rpartition('/')[2]}:{line.line}"
    words = "more different messages" if flood.different > 1 else "more different message"
    return _rewritten(
        trigger,
        f"{_number(flood)} {words} of this line ({place}), such as: {trigger.summary}",
        {"more_different_messages": _number(flood), "examples": _shown(flood)},
    )


def functions_with_a_text(trigger: Trigger, *, flood: Flood) -> Trigger:
    """Return the alert of a flood of functions, made from that of its latest function."""
    words = "more functions report" if flood.different > 1 else "more function reports"
    return _rewritten(
        trigger,
        f"{trigger.summary} (a storm: {_number(flood)} {words} the same)",
        {
            "more_functions": _number(flood),
            "functions": _shown(flood),
            "alerts_of_their_own": list(cleaned([*flood.alone])),
        },
    )


def _rewritten(trigger: Trigger, summary: str, details: dict[str, Any]) -> Trigger:
    shown: dict[str, Any] = cleaned(details)
    for name, value in (trigger.custom_details or {}).items():
        shown[f"{name} (logged)" if name in details else name] = value
    return rewritten(trigger, summary=summary, custom_details=shown)


def _number(flood: Flood) -> str:
    return f"{flood.different:,}" if flood.exact else f"at least {flood.different:,}"


def _shown(flood: Flood) -> list[str]:
    return [first_line(cut(text, MAX_EXAMPLE_CHARS), MAX_EXAMPLE_CHARS) for text in flood.examples]
