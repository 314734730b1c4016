"""Public calls as users write them: checked by mypy, never run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import assert_type

import requests

from pagerduty_logging import (
    Acknowledge,
    ApiError,
    BadRequest,
    Change,
    EventsClient,
    EventsError,
    Image,
    Link,
    NetworkError,
    RateLimited,
    Receipt,
    Resolve,
    Retry,
    ServerError,
    Severity,
    Trigger,
)


def construct() -> None:
    EventsClient()
    EventsClient("R" * 32)
    EventsClient(routing_key="R" * 32, region="eu", timeout=5)
    EventsClient("R" * 32, base_url="http://localhost:8080", allow_http=True)
    EventsClient("R" * 32, retry=Retry(initial=0.5, maximum=30, max_age=300), timeout=2.5)
    with requests.Session() as session, EventsClient("R" * 32, session=session) as client:
        assert_type(client, EventsClient)
    client.close()

    EventsClient(7)  # type: ignore[arg-type]
    EventsClient("R" * 32, "eu")  # type: ignore[call-arg]
    EventsClient("R" * 32, timeout="10")  # type: ignore[arg-type]
    EventsClient("R" * 32, retries=3)  # type: ignore[call-arg]


def send(
    client: EventsClient, details: Mapping[str, object], links: list[Link], images: tuple[Image, ...]
) -> None:
    receipt = client.trigger(
        "disk full",
        severity=Severity.CRITICAL,
        source="db1",
        dedup_key="disk/db1",
        timestamp=datetime.now(UTC),
        component="mysql",
        group="prod",
        event_class="disk",
        custom_details=details,
        links=links,
        images=images,
        client="cron",
        client_url="https://example.com",
    )
    assert_type(receipt, Receipt)
    assert_type(receipt.dedup_key, str | None)
    assert_type(receipt.status, str)
    assert_type(receipt.message, str)
    client.trigger(
        "disk full", severity="warning", timestamp="2026-01-31T08:15:00Z", custom_details=["any", 1]
    )
    client.trigger("disk full", links=["https://example.com", {"href": "https://example.com", "text": "t"}])
    client.trigger("disk full", images=["https://example.com/i.png", {"src": "https://example.com/i.png"}])
    assert_type(client.acknowledge(receipt), Receipt)
    assert_type(client.resolve("disk/db1", summary="cleaned", custom_details={"by": "cron"}), Receipt)
    assert_type(client.change("deployed", source="ci", links=[Link("https://example.com", "build")]), Receipt)
    assert_type(client.check(), Receipt)

    client.trigger()  # type: ignore[call-arg]
    client.trigger("disk full", class_="disk")  # type: ignore[call-arg]
    client.trigger("disk full", source=7)  # type: ignore[arg-type]
    client.acknowledge(None)  # type: ignore[arg-type]


def values(client: EventsClient) -> None:
    for event in (Trigger("s", severity="info"), Acknowledge("k"), Resolve("k"), Change("s")):
        assert_type(client.send(event), Receipt)
    assert_type(Trigger("s") == Trigger("s"), bool)
    Trigger("s").summary = "other"  # type: ignore[misc]
    client.send("s")  # type: ignore[arg-type]


def catch(client: EventsClient) -> float | None:
    try:
        client.trigger("disk full")
    except BadRequest as error:
        assert_type(error.errors, tuple[str, ...])
        assert_type(error.status, int)
    except RateLimited as error:
        return assert_type(error.retry_after, float | None)
    except ServerError as error:
        assert_type(error.body, str)
    except ApiError as error:
        assert_type(error.status, int)
    except NetworkError as error:
        assert_type(error.status, int | None)
    except EventsError as error:
        assert_type(error.retryable, bool)
        pickle.dumps(error)
    return None
