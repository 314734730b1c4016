"""The client: sends an event and returns a receipt or raises a typed error; retries for direct callers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pagerduty_logging.events_api import address, errors, options, retrying
from pagerduty_logging.events_api.answers import receipt_from
from pagerduty_logging.events_api.clock import monotonic, time_of_day
from pagerduty_logging.events_api.encoding import ALERTS_PATH, EncodedEvent, encode, new_dedup_key
from pagerduty_logging.events_api.events import (
    Acknowledge,
    Change,
    Event,
    Image,
    Link,
    Receipt,
    Resolve,
    Severity,
    Trigger,
)
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.events_api.requirements import check_requests
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key

if TYPE_CHECKING:
    import requests

    from pagerduty_logging.events_api.transport import Transport

DEFAULT_RETRY = Retry(max_age=60.0)
"""The caller waits while the client retries, so a minute; a handler retries for a day."""
DEFAULT_TIMEOUT = 10.0
"""Longest duration of one attempt, end to end, in seconds."""
MAX_TIMEOUT = 86_400.0
"""Largest timeout, in seconds: sockets accept some weeks at most."""


class EventsClient:
    """PagerDuty's Events API v2: trigger, acknowledge, resolve, change.

    One client serves one routing key, any number of events and any number of threads. Use it as a
    context manager, or call `close`, to close its connections. A forked process can continue to use it, with
    its own connections; it cannot be pickled.

    Args:
        routing_key: the integration key of an Events API v2 integration; default: the environment
            variable PAGERDUTY_ROUTING_KEY.
        region: "us" or "eu": where the PagerDuty account lives.
        base_url: another address of the API, such as a local stand-in's; default: the environment
            variable PAGERDUTY_EVENTS_URL, else the region's. Plain http only to this machine.
        allow_http: allow plain http to other machines too.
        session: a `requests.Session` of your own, for its proxies, TLS settings, headers and adapters; it
            is never closed, and is not for forked processes. Default: the client's own, which takes proxies
            and CA bundles from the environment as `requests` does. Neither gets credentials from .netrc.
            No proxy is used for this machine.
        timeout: longest duration of one attempt in seconds: name, connection, TLS, answer.
        retry: the schedule of retries after 429, 5xx and network errors; its `max_age` is the longest
            duration of a call, 0 means a single attempt. Default: a minute in total.
        clock, sleep, random: replaceable in tests: monotonic seconds, a wait in seconds, a number in [0, 1).

    Raises:
        ValueError, TypeError: an option is wrong; the message names it, and shows no secret.
        ImportError: the installed `requests` is too old to send anything.
    """

    def __init__(
        self,
        routing_key: str | RoutingKey | None = None,
        *,
        region: str = "us",
        base_url: str | None = None,
        allow_http: bool = False,
        session: requests.Session | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retry: Retry = DEFAULT_RETRY,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = retrying.uniform,
    ) -> None:
        try:
            key = find_routing_key(routing_key)
        except Exception as error:
            raise error.with_traceback(None) from None
        finally:
            routing_key = None  # a traceback that shows local variables must not show it
        if key is None:
            raise ValueError("routing_key: none given, and PAGERDUTY_ROUTING_KEY is not set")
        self._routing_key = key
        self.base_url = address.find_base_url(region, base_url, allow_http)
        self.timeout = options.seconds("timeout", timeout, most=MAX_TIMEOUT)
        if not isinstance(retry, Retry):
            raise TypeError(f"retry must be a Retry, not {type(retry).__name__}")
        self.retry = retry
        self._clock = clock
        self._sleep = sleep
        self._random = random
        check_requests()
        self._session = session
        # By process id: after a fork, the child does not use the parent's connections.
        self._transports: dict[int, Transport] = {}
        if session is not None:
            self._transport()

    def __repr__(self) -> str:
        # Tools that show local variables call it even while the constructor fails.
        return f"<EventsClient for {getattr(self, 'base_url', 'no address yet')}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EventsClient is not pickled or copied: share it, or make another one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def notices(self) -> list[str]:
        """Return a sentence for each unusual setting of where and how this client sends.

        The owner of the client reports them once.
        """
        found = address.unusual_destination(self.base_url)
        sentences = [] if found is None else [found]
        if self._session is not None and self._session.verify is False:
            sentences.append("certificates are not verified: the given session says verify=False")
        return sentences

    def prepare(self) -> None:
        """Import and prepare what an exchange needs, which takes a tenth of a second; sends nothing."""
        transport = self._transport()
        with suppress(Exception):  # the same error comes again with an event, and is reported then
            transport.prepare(self.base_url + ALERTS_PATH)

    def close(self) -> None:
        """Close the client's own connections; a later event opens new ones."""
        transport = self._transports.pop(os.getpid(), None)
        if transport is not None:
            transport.close()

    def drop_inherited(self) -> None:
        """Close a forked child's copies of its parent's connections; the parent's stay open.

        Call it right after the fork: later their descriptors may belong to other files.
        """
        for pid in [pid for pid in self._transports if pid != os.getpid()]:
            self._transports.pop(pid).close()

    def trigger(
        self,
        summary: str,
        *,
        severity: Severity | str = Severity.ERROR,
        source: str | None = None,
        dedup_key: str | None = None,
        timestamp: datetime | str | None = None,
        component: str | None = None,
        group: str | None = None,
        event_class: str | None = None,
        custom_details: Any = None,
        links: Sequence[Link | str | Mapping[str, str]] = (),
        images: Sequence[Image | str | Mapping[str, str]] = (),
        client: str | None = None,
        client_url: str | None = None,
    ) -> Receipt:
        """Open an alert, or add to the open one with the same dedup key.

        See `Trigger` for the fields; raises what `send` raises.
        """
        return self.send(
            Trigger(
                summary,
                severity=severity,
                source=source,
                dedup_key=dedup_key,
                timestamp=timestamp,
                component=component,
                group=group,
                event_class=event_class,
                custom_details=custom_details,
                links=links,
                images=images,
                client=client,
                client_url=client_url,
            )
        )

    def acknowledge(
        self,
        dedup_key: str | Receipt,
        *,
        summary: str | None = None,
        custom_details: Any = None,
    ) -> Receipt:
        """Acknowledge the alert with this dedup key, or of this receipt, so that it stops paging.

        Summary and details go into the alert's log. Raises what `send` raises.
        """
        key = _dedup_key(dedup_key)
        return self.send(Acknowledge(key, summary=summary, custom_details=custom_details))

    def resolve(
        self,
        dedup_key: str | Receipt,
        *,
        summary: str | None = None,
        custom_details: Any = None,
    ) -> Receipt:
        """Resolve the alert with this dedup key, or of this receipt.

        Summary and details go into the alert's log. Raises what `send` raises.
        """
        key = _dedup_key(dedup_key)
        return self.send(Resolve(key, summary=summary, custom_details=custom_details))

    def change(
        self,
        summary: str,
        *,
        source: str | None = None,
        timestamp: datetime | str | None = None,
        custom_details: Any = None,
        links: Sequence[Link | str | Mapping[str, str]] = (),
    ) -> Receipt:
        """Record a change, such as a deploy. See `Change` for the fields; raises what `send` raises."""
        return self.send(
            Change(
                summary,
                source=source,
                timestamp=timestamp,
                custom_details=custom_details,
                links=links,
            )
        )

    def check(self) -> Receipt:
        """Test name, network, proxy and TLS without paging: send a resolve for a random dedup key.

        PagerDuty accepts every routing key of the right form, so a receipt does not prove that the key
        belongs to a service. Makes a single attempt.

        Raises:
            EventsError: why PagerDuty did not accept the event.
        """
        return self.post(encode(Resolve(f"pagerduty-logging-check-{new_dedup_key()}")))

    def send(self, event: Event) -> Receipt:
        """Send one event, with retries; every attempt sends the same bytes and the same dedup key.

        Raises:
            BadRequest: PagerDuty refuses the event itself; not retried.
            RateLimited, ServerError, NetworkError: the last failure; another attempt would have
                exceeded `retry.max_age`.
            ApiError: an answer that the Events API does not document; not retried.
        """
        encoded = encode(event)
        give_up = self._clock() + self.retry.max_age
        timeout = min(self.timeout, self.retry.max_age) or self.timeout
        attempts = 0
        while True:
            attempts += 1
            try:
                return self.post(encoded, timeout=timeout)
            except (errors.NetworkError, errors.RateLimited, errors.ServerError) as error:
                wait = retrying.delay(self.retry, attempts, error.retry_after, self._random)
                if self._clock() + wait >= give_up:
                    raise
            self._sleep(wait)
            timeout = min(self.timeout, max(give_up - self._clock(), 0.0))

    def post(self, encoded: EncodedEvent, timeout: float | None = None) -> Receipt:
        """Make one attempt to send an encoded event.

        Args:
            timeout: longest duration of this attempt in seconds; default: the client's.

        Raises:
            EventsError: the event was not accepted.
        """
        deadline = monotonic() + (self.timeout if timeout is None else timeout)
        url = self.base_url + encoded.path
        outcome = self._transport().post(url, encoded.json, self._routing_key, deadline)
        return receipt_from(outcome, encoded.dedup_key, datetime.fromtimestamp(time_of_day(), UTC))

    def _transport(self) -> Transport:
        pid = os.getpid()
        transport = self._transports.get(pid)
        if transport is None:
            # Importing `requests` takes a tenth of a second: it is done in the first exchange, on its thread.
            with fork_gate():
                from pagerduty_logging.events_api.transport import Transport

            # Two threads that come here at once both get the first one's transport.
            transport = self._transports.setdefault(pid, Transport(self._session))
        return transport


def _dedup_key(key_or_receipt: str | Receipt) -> str:
    if not isinstance(key_or_receipt, Receipt):
        return key_or_receipt
    if key_or_receipt.dedup_key is None:
        raise ValueError("dedup_key: the receipt is a change's, which opens no alert")
    return key_or_receipt.dedup_key
