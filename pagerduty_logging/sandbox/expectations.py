"""What a test expects of an alert, and the text of its failure. Pure functions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, TypeGuard

from pagerduty_logging.sandbox.values import Alert

MAX_LISTED = 10  # alerts that a failure lists

Text = str | re.Pattern[str]
"""A text that must be equal, or a compiled pattern that must be found."""


class Expected(TypedDict, total=False):
    """The fields of an `Alert` that a test may expect, besides its dedup key.

    A text must be equal; a compiled pattern must be found. A mapping (`custom_details`, or one of `links`
    and `images`) must have the given entries, and may have others.
    """

    state: Text
    summary: Text
    severity: Text
    source: Text
    component: Text | None
    group: Text | None
    event_class: Text | None
    custom_details: Mapping[str, Any]
    links: Sequence[Mapping[str, Any]]
    images: Sequence[Mapping[str, Any]]
    client: Text | None
    client_url: Text | None
    routing_key: Text
    triggers: int


def check(expected: Mapping[str, object]) -> None:
    """Refuse a field that alerts do not have: no alert would ever match.

    Raises:
        TypeError: names the field, and those that exist.
    """
    known = ["dedup_key", *Expected.__annotations__]
    unknown = [name for name in expected if name not in known]
    if unknown:
        raise TypeError(f"an alert has no {' and no '.join(unknown)}; expect {', '.join(known)}")


def differences(alert: Alert, expected: Mapping[str, object]) -> list[str]:
    """Return one line for each field of the alert that is not as expected."""
    return [line for name, value in expected.items() for line in _compared(name, value, getattr(alert, name))]


def fitting(alerts: Iterable[Alert], expected: Mapping[str, object]) -> list[Alert]:
    """Return the alerts that are as expected."""
    return [alert for alert in alerts if not differences(alert, expected)]


def comparison(alerts: Iterable[Alert], expected: Mapping[str, object]) -> str:
    """Return what was expected, if anything, and how each alert differs, the most similar one first."""
    lines = ["expected an alert with"] if expected else []
    lines += [f"    {name}: {_shown(value)}" for name, value in expected.items()]
    differing = sorted(
        ((differences(alert, expected), alert) for alert in alerts), key=lambda two: len(two[0])
    )
    lines.append(f"there {_are(len(differing), 'alert')}:" if differing else "there is no alert at all")
    for lack, alert in differing[:MAX_LISTED]:
        lines.append(f"  {one_line(alert)}")
        lines += [f"    {line}" for line in lack]
    if len(differing) > MAX_LISTED:
        lines.append(f"  and {len(differing) - MAX_LISTED} more")
    return "\n".join(lines)


def one_line(alert: Alert) -> str:
    """Return one line that describes an alert."""
    times = "" if alert.triggers == 1 else f", {alert.triggers} triggers"
    return f"{alert.state} {alert.severity} {alert.summary!r}, dedup key {alert.dedup_key!r}{times}"


def _are(count: int, what: str) -> str:
    return f"is 1 {what}" if count == 1 else f"are {count} {what}s"


def _compared(name: str, expected: object, actual: object) -> list[str]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return [
            line
            for key, value in expected.items()
            for line in (
                _compared(f"{name}[{key!r}]", value, actual[key])
                if key in actual
                else [f"{name}[{key!r}]: expected {_shown(value)}, there is none"]
            )
        ]
    if _is_list(expected) and _is_list(actual) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for at, (one, other) in pairs for line in _compared(f"{name}[{at}]", one, other)]
    if isinstance(expected, re.Pattern):
        alike = isinstance(actual, str) and expected.search(actual) is not None
    else:
        alike = not _is_list(expected) and expected == actual
    return [] if alike else [f"{name}: expected {_shown(expected)}, got {actual!r}"]


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _shown(value: object) -> str:
    return f"text with {value.pattern!r}" if isinstance(value, re.Pattern) else repr(value)
