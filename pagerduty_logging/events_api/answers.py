"""What an answer means: a receipt or a typed error. Pure; only 202 is acceptance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pagerduty_logging.events_api import errors
from pagerduty_logging.events_api.events import Receipt
from pagerduty_logging.events_api.retrying import parse_retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered: status, headers, and at most 64 KB of body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there was no answer, in words that hold no secret."""

    reason: str


def judge(outcome: Answer | NoAnswer, dedup_key: str | None) -> Receipt:
    """Return the receipt for the event with this dedup key, or raise what the answer means.

    Raises:
        EventsError: of the kind that fits.
    """
    if isinstance(outcome, NoAnswer):
        raise errors.NetworkError(outcome.reason)
    body = outcome.body.decode("utf-8", "replace")
    said = _said(body)
    if outcome.status == 202:
        return Receipt(_words(said.get("status")) or "success", _words(said.get("message")), dedup_key)
    message = f"PagerDuty answered {outcome.status}: {_words(said.get('message')) or 'no message'}"
    retry_after = parse_retry_after(outcome.headers.get("Retry-After"), datetime.now(UTC))
    if outcome.status in (400, 413, 422):
        faults = tuple(_words(fault) for fault in _list(said.get("errors")))
        if faults:
            message = f"{message} ({'; '.join(faults)})"
        raise errors.BadRequest(message, status=outcome.status, body=body, errors=faults)
    if outcome.status == 429:
        raise errors.RateLimited(message, status=429, body=body, retry_after=retry_after)
    kind = errors.ServerError if 500 <= outcome.status <= 599 else errors.ApiError
    raise kind(message, status=outcome.status, body=body, retry_after=retry_after)


def _said(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
