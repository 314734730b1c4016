"""The alert of a flood: one alert in place of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pagerduty_logging.events_api.events import Trigger, rewritten
from pagerduty_logging.events_api.text import cleaned, cut, first_line
from pagerduty_logging.record.exceptions import Frame
from pagerduty_logging.state.crowds import Crowd

MAX_EXAMPLE_CHARS = 500
GATHERED = 5.0
"""Seconds for which the first event of a flood waits, so that it can say how many there are."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The flood as which an occurrence is shown, in place of its own problem.

    Attributes:
        key: the dedup key.
        rewrite: turns the alert of this occurrence into the alert of the flood.
    """

    key: str
    rewrite: Callable[[Trigger], Trigger]


def messages_of_a_line(trigger: Trigger, *, crowd: Crowd, line: Frame) -> Trigger:
    """Return the alert of a line's latest message as that of all that share its alert."""
    place = f"{line.path.replace(chr(92), '/').rpartition('/')[2]}:{line.line}"
    words = "more different messages" if crowd.different > 1 else "more different message"
    return _rewritten(
        trigger,
        f"{_number(crowd)} {words} of this line ({place}), such as: {trigger.summary}",
        {"more_different_messages": _number(crowd), "examples": _shown(crowd)},
    )


def functions_with_a_text(trigger: Trigger, *, crowd: Crowd) -> Trigger:
    """Return the alert of the latest function that reports a text as that of all such functions."""
    words = "more functions report" if crowd.different > 1 else "more function reports"
    return _rewritten(
        trigger,
        f"{trigger.summary} (a storm: {_number(crowd)} {words} the same)",
        {
            "more_functions": _number(crowd),
            "functions": _shown(crowd),
            "alerts_of_their_own": list(cleaned([*crowd.apart])),
        },
    )


def _rewritten(trigger: Trigger, summary: str, details: dict[str, Any]) -> Trigger:
    shown: dict[str, Any] = cleaned(details)
    for name, value in (trigger.custom_details or {}).items():
        shown[f"{name} (logged)" if name in details else name] = value
    return rewritten(trigger, summary=summary, custom_details=shown)


def _number(crowd: Crowd) -> str:
    return f"{crowd.different:,}" if crowd.exact else f"at least {crowd.different:,}"


def _shown(crowd: Crowd) -> list[str]:
    return [first_line(cut(text, MAX_EXAMPLE_CHARS), MAX_EXAMPLE_CHARS) for text in crowd.examples]
