"""Pages for tests: what is logged to a real handler comes back as the events a sandbox accepted."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import Sandbox

ROUTING_KEY = "e93facc04764012d7bfb002500d5d1a6"
OPENAPI = Path(__file__).parents[2] / "shared" / "pagerduty" / "events-v2-openapi.json"
"""PagerDuty's description of its API, where it lies beside the project."""

Event = dict[str, Any]


class Pager:
    """A logger whose errors page, and what came of them."""

    def __init__(self, sandbox: Sandbox, handler: PagerDutyHandler) -> None:
        self.handler = handler
        self.logger = logging.Logger("app.orders", logging.DEBUG)
        self.logger.addHandler(handler)
        self._sandbox = sandbox

    @property
    def events(self) -> list[Event]:
        """Everything that was sent, once nothing is pending."""
        assert self.handler.flush(10.0), self.handler.stats
        return list(self._sandbox.events)

    @property
    def event(self) -> Event:
        """The one event that was sent."""
        (event,) = self.events
        return event

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the one event that was sent."""
        payload = self.event["payload"]
        assert isinstance(payload, dict)
        return payload

    @property
    def summary(self) -> str:
        """The summary of the one event that was sent."""
        return str(self.payload["summary"])

    @property
    def details(self) -> dict[str, Any]:
        """The details of the one event that was sent."""
        details = self.payload["custom_details"]
        assert isinstance(details, dict)
        return details


@contextmanager
def paging(sandbox: Sandbox, **options: Any) -> Iterator[Pager]:
    """Give a fresh pager on a sandbox that has forgotten everything."""
    sandbox.clear()
    handler = PagerDutyHandler(ROUTING_KEY, base_url=sandbox.url, **options)
    try:
        yield Pager(sandbox, handler)
    finally:
        handler.flush(5.0)
        handler.close()


def record(message: object = "it broke", *args: object, **attributes: Any) -> logging.LogRecord:
    """Make a record by hand; `attributes` replace what a logger would have set."""
    made = logging.LogRecord(
        "app.orders", logging.ERROR, "/srv/app/orders.py", 42, message, args, None, "charge"
    )
    made.__dict__.update(attributes)
    return made


def require_valid(event: Event) -> None:
    """Hold an event against PagerDuty's own schema and the limits of its documentation."""
    text = json.dumps(event, ensure_ascii=False, allow_nan=False)
    assert len(text.encode("utf-8")) <= 512_000
    assert 0 < len(event["payload"]["summary"]) <= 1024
    assert 0 < len(event["dedup_key"]) <= 255
    if OPENAPI.exists():
        validator = _validator()
        validator.validate(event)


def require_openapi() -> None:
    """Skip a test that is about PagerDuty's schema where the schema is not at hand."""
    if not OPENAPI.exists():
        pytest.skip("PagerDuty's OpenAPI document does not lie beside the project")


def _validator() -> Any:
    if not _VALIDATORS:
        from openapi_schema_validator import OAS30Validator, oas30_format_checker

        document = json.loads(OPENAPI.read_text())
        schema = document["paths"]["/enqueue"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        _VALIDATORS.append(
            OAS30Validator(
                {**schema, "components": document["components"]}, format_checker=oas30_format_checker
            )
        )
    return _VALIDATORS[0]


_VALIDATORS: list[Any] = []
