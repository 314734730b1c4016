"""Turns an answer into a receipt or a typed error. Pure; only 202 means accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pagerduty_logging.events_api import errors
from pagerduty_logging.events_api.events import Receipt
from pagerduty_logging.events_api.retrying import parse_retry_after
from pagerduty_logging.events_api.text import one_line

MAX_SENTENCE_CHARS = 500
"""Characters of the server's text in the text of an exception; `.body` and `.errors` have all of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer; the routing key, which it may repeat, is masked.

    Attributes:
        status: the HTTP status.
        retry_after: the text of the Retry-After header, if there is one.
        body: the body as text, as far as it was read.
    """

    status: int
    retry_after: str | None
    body: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there was no answer, as a text without secrets."""

    reason: str


def receipt_from(outcome: Answer | NoAnswer, dedup_key: str | None, now: datetime) -> Receipt:
    """Return the receipt for the event with this dedup key, or raise the error for the answer.

    Args:
        now: the time to which a date in a Retry-After header is compared, in seconds since the epoch.

    Raises:
        EventsError: the subclass for the answer's status.
    """
    if isinstance(outcome, NoAnswer):
        raise errors.NetworkError(outcome.reason)
    body = outcome.body
    said = _parsed(body)
    if outcome.status == 202:
        return Receipt(_words(said.get("status")) or "success", _words(said.get("message")), dedup_key)
    sentence = one_line(_words(said.get("message")), MAX_SENTENCE_CHARS)
    message = f"{outcome.status}: {sentence}" if sentence else f"{outcome.status}"
    if outcome.status in (400, 413, 422):
        faults = _faults(said.get("errors"))
        if faults:
            message += f" ({one_line('; '.join(faults), MAX_SENTENCE_CHARS)})"
        message = f"PagerDuty refused the event with {message}"
        raise errors.BadRequest(message, status=outcome.status, body=body, errors=faults)
    retry_after = parse_retry_after(outcome.retry_after, now)
    if outcome.status == 429:
        message = f"PagerDuty limits the rate with {message}"
        raise errors.RateLimited(message, status=429, body=body, retry_after=retry_after)
    if 500 <= outcome.status <= 599:
        message = f"PagerDuty failed with {message}"
        raise errors.ServerError(message, status=outcome.status, body=body, retry_after=retry_after)
    message = f"an answer that the Events API does not document: {message}"
    raise errors.ApiError(message, status=outcome.status, body=body, retry_after=retry_after)


def _parsed(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _faults(value: object) -> tuple[str, ...]:
    faults = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(fault if isinstance(fault, str) else json.dumps(fault) for fault in faults)
