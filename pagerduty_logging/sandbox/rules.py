"""PagerDuty's rules: from the body of an event to the texts with which PagerDuty refuses it.

Pure, and deliberately independent of this package's client: with shared limits the sandbox would repeat
the client's mistakes instead of finding them.

Texts marked SEEN are PagerDuty's own, word for word, spelling included. The others follow the same
pattern, for faults whose text is not public.
"""

import json
import math
import re
from datetime import datetime
from typing import Any, NoReturn

MAX_EVENT_BYTES = 512_000  # "512 KB", read strictly, as Prometheus Alertmanager does too
MAX_SUMMARY_CHARS = 1024  # PagerDuty/developer-docs:docs/events-API-v2/02-Trigger-Events.md
MAX_DEDUP_KEY_CHARS = 255  # PagerDuty/developer-docs:docs/events-API-v2/02-Trigger-Events.md
ROUTING_KEY_CHARS = 32  # SEEN: "should be 32 characters"
MAX_DEPTH = 100  # levels of nesting, so that no later recursion over an accepted event overflows the stack

EXAMPLE_ROUTING_KEY = "sandbox0sandbox0sandbox0sandbox0"
"""A valid routing key for examples; the sandbox accepts any key of this form."""

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "warning", "error", "info")

JSON_PARSE_ERROR = "JSON parse error"  # SEEN
EVENT_TOO_LARGE = "Event is too large (maximum is 512 KB)"
NOT_AN_OBJECT = "Event is not a JSON object"
ROUTING_KEY_LENGTH = "Length of 'routing_key' is incorrect (should be 32 characters)"  # SEEN
ROUTING_KEY_CHARACTERS = "'routing_key' cannot contain non-alphanumeric characters."  # SEEN
ROUTING_KEY_OF_RULESET = "'routing_key' belongs to a ruleset, which takes no change events"
ACTION_INVALID = (
    "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"
)
SEVERITY_INVALID = (  # SEEN
    "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
)
SUMMARY_TOO_LONG = "'summary' is too long (maiximum is 1024 characters)"  # SEEN
DEDUP_KEY_TOO_LONG = "'dedup_key' is too long (maximum is 255 characters)"
TIMESTAMP_INVALID = "'payload.timestamp' is invalid (must be an ISO 8601 date and time)"

_NON_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")


class Unreadable(ValueError):
    """The body is not an event; `errors` says why."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.errors = [error]


def missing(field: str) -> str:
    """Return the text for a required field that is absent, null or blank."""
    return f"'{field}' is missing or blank"


def wrong_type(field: str, kind: str) -> str:
    """Return the text for a field of the wrong JSON type; `kind` as in "an object"."""
    return f"'{field}' is invalid (must be {kind})"


def read(body: bytes) -> dict[str, Any]:
    """Parse the body of a request into an event.

    Raises:
        Unreadable: it is over the size limit, not strict JSON in UTF-8, or not an object.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise Unreadable(EVENT_TOO_LARGE)
    try:
        event = parse(body)
        check_text_and_depth(event)
    except ValueError:
        raise Unreadable(JSON_PARSE_ERROR) from None
    if not isinstance(event, dict):
        raise Unreadable(NOT_AN_OBJECT)
    return event


def parse(data: bytes) -> Any:
    """Parse strict JSON in UTF-8.

    Raises:
        ValueError: it is something else.
    """
    try:
        return json.loads(data.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def alert_event_errors(event: dict[str, Any]) -> list[str]:
    """Return every fault of a trigger, acknowledge or resolve; empty if it is valid.

    Fields that PagerDuty does not know are ignored, and so is the payload of an acknowledge or resolve.
    """
    errors = _routing_key_errors(event)
    action = event.get("event_action")
    if _blank(action):
        errors.append(missing("event_action"))
    elif action not in ACTIONS:
        errors.append(ACTION_INVALID)
    errors += _dedup_key_errors(event, required=action in ("acknowledge", "resolve"))
    if action == "trigger":
        errors += _payload_errors(event, required=("summary", "source", "severity"))
        errors += _text_errors(event, ("client", "client_url"))
        errors += _item_errors(event, "links", "href", missing("link href"))
        errors += _item_errors(event, "images", "src", missing("image src"))
    return errors


def change_event_errors(event: dict[str, Any]) -> list[str]:
    """Return every fault of a change event; empty if it is valid.

    Change events have links only: images are ignored.
    """
    errors = _routing_key_errors(event)
    if str(event.get("routing_key", "")).startswith("R"):
        errors.append(ROUTING_KEY_OF_RULESET)
    errors += _payload_errors(event, required=("summary",))
    errors += _item_errors(event, "links", "href", missing("link href"))
    return errors


def _routing_key_errors(event: dict[str, Any]) -> list[str]:
    key = event.get("routing_key")
    if _blank(key):
        return [missing("routing_key")]
    if not isinstance(key, str):
        return [wrong_type("routing_key", "a string")]
    errors = []
    if len(key) != ROUTING_KEY_CHARS:
        errors.append(ROUTING_KEY_LENGTH)
    if _NON_ALPHANUMERIC.search(key):
        errors.append(ROUTING_KEY_CHARACTERS)
    return errors


def _dedup_key_errors(event: dict[str, Any], *, required: bool) -> list[str]:
    key = event.get("dedup_key")
    if _blank(key):
        return [missing("dedup_key")] if required else []
    if not isinstance(key, str):
        return [wrong_type("dedup_key", "a string")]
    return [DEDUP_KEY_TOO_LONG] if len(key) > MAX_DEDUP_KEY_CHARS else []


def _payload_errors(event: dict[str, Any], *, required: tuple[str, ...]) -> list[str]:
    payload = event.get("payload")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        return [wrong_type("payload", "an object")]
    errors = [missing(f"payload.{name}") for name in required if _blank(payload.get(name))]
    errors += _text_errors(payload, ("summary", "source", "component", "group", "class"), prefix="payload.")
    summary = payload.get("summary")
    if isinstance(summary, str) and len(summary) > MAX_SUMMARY_CHARS:
        errors.append(SUMMARY_TOO_LONG)
    severity = payload.get("severity")
    if "severity" in required and not _blank(severity) and severity not in SEVERITIES:
        errors.append(SEVERITY_INVALID)
    timestamp = payload.get("timestamp")
    if not _blank(timestamp) and not _is_timestamp(timestamp):
        errors.append(TIMESTAMP_INVALID)
    details = payload.get("custom_details")
    if details is not None and not isinstance(details, dict):
        errors.append(wrong_type("payload.custom_details", "an object"))
    return errors


def _text_errors(fields: dict[str, Any], names: tuple[str, ...], *, prefix: str = "") -> list[str]:
    return [
        wrong_type(prefix + name, "a string")
        for name in names
        if not isinstance(fields.get(name), str | None)
    ]


def _item_errors(event: dict[str, Any], field: str, required: str, error: str) -> list[str]:
    items = event.get(field)
    if items is None:
        return []
    if not isinstance(items, list):
        return [wrong_type(field, "an array")]
    if not all(isinstance(item, dict) for item in items):
        return [wrong_type(field, "an array of objects")]
    errors = [error for item in items if _blank(item.get(required))]
    errors += [
        wrong_type(f"{field}.{name}", "a string")
        for item in items
        for name in ("href", "text", "src", "alt")
        if not isinstance(item.get(name), str | None)
    ]
    return list(dict.fromkeys(errors))


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_timestamp(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # PagerDuty's own clients write a Z after an offset too.
        datetime.fromisoformat(value.removesuffix("Z"))
    except ValueError:
        return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number out of range")
    return number


def check_text_and_depth(value: object) -> None:
    """Refuse lone surrogates, which UTF-8 cannot encode, and nesting beyond `MAX_DEPTH`.

    Raises:
        ValueError: there is one, or too many levels.
    """
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                item.encode()
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise ValueError("nested too deeply")
