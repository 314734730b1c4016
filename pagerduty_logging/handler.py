"""`PagerDutyHandler`: a log record becomes a page.

`handle` ends a repeat at once. Anything else goes through `emit`: what must be taken from the record here and
now is captured, and handed to the delivery, whose worker asks `pipeline.decide` what it calls for.
"""

from __future__ import annotations

import itertools
import linecache
import logging
import os
import re
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.lazy_imports import load_lazy_imports
from pagerduty_logging.delivery.spool import Spool
from pagerduty_logging.delivery.stats import Stats
from pagerduty_logging.events_api import clock, options
from pagerduty_logging.events_api.address import destination
from pagerduty_logging.events_api.client import DEFAULT_TIMEOUT, EventsClient
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Change, Event, Image, Link
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.page import alert
from pagerduty_logging.page.deployment import find_environment, find_release
from pagerduty_logging.page.redaction import redactor
from pagerduty_logging.pipeline import BeforeSend, Order, Pipeline
from pagerduty_logging.record import paged_exceptions
from pagerduty_logging.record.filters import Ignored, frequency
from pagerduty_logging.state.throttle import Throttle

if TYPE_CHECKING:
    import requests

_numbers = itertools.count()
_handlers: weakref.WeakSet[PagerDutyHandler] = weakref.WeakSet()


def handlers() -> list[PagerDutyHandler]:
    """Return all handlers of this process, whichever loggers they are attached to."""
    return list(_handlers)


class PagerDutyHandler(logging.Handler):
    """Pages through PagerDuty: one alert per problem, however often it is logged.

    A problem is a logger's name and a message's template. Its first record opens an alert; repeats are
    counted, and told with the next event after `repeat_interval`. A higher severity passes at once.

    Args:
        routing_key: the integration key of an Events API v2 integration; default: the environment
            variable PAGERDUTY_ROUTING_KEY. With no key anywhere the handler is inert, and warns once.
        routing_key_file: a path to read the key from, such as a Docker or Kubernetes secret's.
        level: records below it do not page.
        region: "us" or "eu": where the PagerDuty account lives.
        base_url: another address of the API; default: the environment variable PAGERDUTY_EVENTS_URL,
            else the region's. Plain http only to this machine.
        allow_http: allow plain http to other machines too.
        session: a `requests.Session` of your own: used, never closed.
        timeout: seconds one attempt may take, end to end.
        retry: the schedule of attempts; an event is kept until it is `retry.max_age` old.
        source: what is affected; default: the host's name.
        component, group, event_class, client, client_url, links, images, custom_details: what every
            alert says, see `Trigger`; by default the component is the logger's name, and the class
            the exception's type or the level's name.
        fingerprint: makes the dedup key of a record, or a mapping of `Fingerprinter`'s options; default:
            `pagerduty_logging.fingerprint`.
        repeat_interval: seconds after an event in which repeats are counted, not sent.
        max_fingerprints: how many problems are known at once.
        max_events_per_minute: bound of what is sent; PagerDuty refuses more than about 120.
        max_pending: bound of the events that wait; beyond it the least severe are left out, and one event
            tells of them.
        spool: a directory in which events are kept until PagerDuty has them, so that they outlive the
            process; made if it is not there. Default: memory only.
        background: False: send inside the logging call, for at most `timeout` seconds.
        flush_timeout: seconds that the end of the process may be delayed, by all handlers together.
        before_send: may change a trigger, or drop it by returning None; called on the thread that logs.
        on_error: is told of every event that will not be delivered, on the thread that notices; what it
            logs itself is not paged.
        release, environment: shown with every alert; default: the environment variables that hosts and
            error trackers usually set, see `deployment`.
        redact: names of fields and compiled patterns that are secret beside the usual ones. False: nothing
            is redacted but the routing key. Redaction has the last word, after `before_send`.
        ignore_loggers: names of loggers that never page, each with all below it; with `*`, `?` or `[` a
            glob of the whole name.
        ignore_exceptions: types, or their dotted names, that never page; subclasses count too.
        min_occurrences: (times, seconds): page only for what happened so often within so many seconds.
            CRITICAL is exempt.
        enabled: False: silent and inert.

    Raises:
        ValueError, TypeError: naming the option that is wrong; the routing key is never echoed.
    """

    # Here and not only in the constructor: logging keeps, and flushes, what a bad option left half built.
    _delivery: Delivery | None = None
    _holder: int | None = None

    def __init__(
        self,
        routing_key: str | None = None,
        *,
        routing_key_file: str | os.PathLike[str] | None = None,
        level: int | str = logging.ERROR,
        region: str = "us",
        base_url: str | None = None,
        allow_http: bool = False,
        session: requests.Session | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retry: Retry = Retry(),  # noqa: B008 (frozen)
        source: str | None = None,
        component: str | None = None,
        group: str | None = None,
        event_class: str | None = None,
        client: str | None = None,
        client_url: str | None = None,
        links: Sequence[Link | str | Mapping[str, str]] = (),
        images: Sequence[Image | str | Mapping[str, str]] = (),
        custom_details: Mapping[str, Any] | None = None,
        fingerprint: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None = None,
        repeat_interval: float = 300.0,
        max_fingerprints: int = 10_000,
        max_events_per_minute: int = 100,
        max_pending: int = 1_000,
        spool: str | os.PathLike[str] | None = None,
        background: bool = True,
        flush_timeout: float = 5.0,
        before_send: BeforeSend | None = None,
        on_error: Callable[[Event, EventsError], object] | None = None,
        release: str | None = None,
        environment: str | None = None,
        redact: Sequence[str | re.Pattern[str]] | bool = (),
        ignore_loggers: Sequence[str] = (),
        ignore_exceptions: Sequence[type[BaseException] | str] = (),
        min_occurrences: tuple[int, float] | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__()
        try:
            key = find_routing_key(routing_key, routing_key_file)
        finally:
            routing_key = None  # a traceback that shows local variables must not show it
        if not options.flag("enabled", enabled):
            key = None
        try:
            self.setLevel(level)
        except (TypeError, ValueError) as error:
            raise type(error)(f"level: {error}") from None
        fields = alert.checked_fields(
            source=source,
            component=component,
            group=group,
            event_class=event_class,
            client=client,
            client_url=client_url,
            links=links,
            images=images,
            custom_details=custom_details,
            release=find_release(release),
            environment=find_environment(environment),
        )
        self._mark = paged_exceptions.name(f"{os.getpid()}_{next(_numbers)}")
        redacted = redactor(redact, (key or _NO_KEY).reveal)
        self._pipeline = Pipeline(
            fields=fields,
            redactor=redacted,
            ignored=Ignored(ignore_loggers, ignore_exceptions),
            identifier=Identifier(
                fingerprint, redacted.key, environment=fields.environment, client=fields.client
            ),
            before_send=options.function("before_send", before_send),
            throttle=Throttle(
                options.seconds("repeat_interval", repeat_interval, zero=True),
                options.count("max_fingerprints", max_fingerprints),
            ),
            frequency=frequency(min_occurrences, max_fingerprints),
            mark=self._mark,
            clock=clock.monotonic,
        )
        self._known = self._pipeline.throttle.known
        diagnostics = Diagnostics()
        events = EventsClient(
            key or _NO_KEY,
            region=region,
            base_url=base_url,
            allow_http=options.flag("allow_http", allow_http),
            session=session,
            timeout=timeout,
            retry=retry,
        )
        self._destination = destination(events.base_url)
        if key is not None:
            for sentence in events.notices():
                diagnostics.say("address", sentence, always=True)
        make_delivery = partial(
            Delivery,
            decide=self._pipeline.decide,
            defer=before_send is None,  # which runs on the thread that logs
            on_fork=self._pipeline.reset,
            max_pending=options.count("max_pending", max_pending),
            max_events_per_minute=options.count("max_events_per_minute", max_events_per_minute),
            background=options.flag("background", background),
            flush_timeout=options.seconds("flush_timeout", flush_timeout, zero=True),
            on_error=options.function("on_error", on_error),
            diagnostics=diagnostics,
        )
        spool = options.path("spool", spool)
        if key is not None:
            # What a send needs is imported now: a fork or the end of the process may not find it half done.
            events.prepare()
            linecache.getline(__file__, 1)
            self._pipeline.warm_up()
            load_lazy_imports()
            self._delivery = make_delivery(
                events, spool=None if spool is None else Spool(spool, key, diagnostics)
            )
            # A handler that is dropped without being closed gives its thread back all the same.
            weakref.finalize(self, self._delivery.close).atexit = False
        elif enabled:
            warnings.warn(
                "PagerDutyHandler has no routing key: nothing will be paged. Give routing_key, set "
                "PAGERDUTY_ROUTING_KEY, or say enabled=False if that is meant",
                stacklevel=2,
            )
        self._make_delivery = make_delivery if enabled else None
        _handlers.add(self)

    # --- the way of a record ----------------------------------------------------------------------

    def __repr__(self) -> str:
        # Asked for by tools that show local variables, even while the constructor fails.
        level = logging.getLevelName(self.level) if hasattr(self, "level") else "no level yet"
        return f"<{type(self).__name__} ({level}) for {getattr(self, '_destination', 'no address yet')}>"

    def handle(self, record: logging.LogRecord, _now: Callable[[], float] = clock.quickest()) -> bool:  # noqa: B008
        """End a repeat at once, without a lock; `emit` does the rest.

        Logging's own `handle` would render and submit while it holds the handler's lock.
        """
        if self.filters:
            try:
                passed = self.filter(record)
            except Exception as error:
                self._page(record, [f"a filter failed: {type_name(error)}"])
                return True
            if not passed:
                self._pipeline.ignored["filter"] += 1
                return False
            record = passed
        try:
            message = record.msg
            if type(message) is str:
                problem = self._known[record.name][message]
                if (
                    problem.quiet_until > _now()
                    and record.levelno == problem.level
                    and not hasattr(record, "pagerduty")
                ):
                    raised = record.exc_info
                    if raised is None:
                        problem.occurrences += 1
                        self._pipeline.suppressed += 1
                        return True
                    caught = raised[1]
                    if type(caught) in problem.kinds:  # another may be another problem, by where it came from
                        problem.occurrences += 1
                        self._pipeline.suppressed += 1
                        try:  # inline, because a call would cost as much as all the rest; see `Mark`
                            caught.__dict__[self._mark] = problem.origin
                        except Exception:
                            return True
                        return True
        except Exception:  # not known, or a record made by hand, of which anything may be wrong
            pass
        try:
            if self._pipeline.call_sites.count(record, _now):
                self._pipeline.suppressed += 1
                return True
        except Exception:  # as above
            pass
        try:
            self.emit(record)
        except RecursionError:
            self._pipeline.unreadable += 1  # no stack is left to page with
        return True

    def filter(self, record: logging.LogRecord) -> logging.LogRecord | Literal[False]:  # type: ignore[override]
        """Return the record as the filters leave it, or False: one may replace it, on Python 3.11 too."""
        for given in self.filters:
            passed: Any = given.filter(record) if hasattr(given, "filter") else given(record)
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        return record

    def emit(self, record: logging.LogRecord) -> None:
        """Page for `record`, unless it repeats what was paged. Raises nothing of its own.

        A `KeyboardInterrupt` or `SystemExit` that the application's code raises while the record is read
        goes on to the application, once the page is safe.
        """
        self._page(record, [])

    def _page(self, record: logging.LogRecord, defects: list[str]) -> None:
        delivery = self._delivery
        if delivery is None or delivery.is_own(record.__dict__.get("name")):
            return
        level = record.__dict__.get("levelno", self.level)
        if isinstance(level, int) and level < self.level:
            return  # behind a queue nobody has looked at it
        occurrence = self._pipeline.capture(record, self.formatter, defects)
        if occurrence is None:
            return
        try:
            delivery.submit(occurrence)
        except Exception:
            self._pipeline.unreadable += 1  # no call: there may be no stack or memory left for one
        finally:
            occurrence.original = None
        interruption = occurrence.interruption
        if interruption is not None:
            occurrence.interruption = None  # its traceback holds this frame
            try:
                raise interruption
            finally:
                interruption = None

    # --- what else a handler can be told ----------------------------------------------------------

    def acknowledge(self, dedup_key: str) -> None:
        """Send word that somebody is on the problem with this dedup key."""
        self._submit(self._pipeline.acknowledge(dedup_key))

    def resolve(self, dedup_key: str) -> None:
        """Send word that the problem with this dedup key is over; its next occurrence pages."""
        self._submit(self._pipeline.resolve(dedup_key))

    def change(
        self,
        summary: str,
        *,
        source: str | None = None,
        timestamp: datetime | str | None = None,
        custom_details: Any = None,
        links: Sequence[Link | str | Mapping[str, str]] = (),
    ) -> None:
        """Send word of a change, such as a deploy; see `Change` for the fields."""
        change = Change(
            summary, source=source, timestamp=timestamp, custom_details=custom_details, links=links
        )
        self._submit(self._pipeline.order(change))

    def _submit(self, order: Order) -> None:
        if self._delivery is not None:
            self._delivery.submit(order)

    @contextmanager
    def delivering_by(self, client: EventsClient) -> Iterator[None]:
        """Deliver by another client for a while, also without a routing key; not if `enabled` is False.

        For tests: no problem is known at the beginning, none afterwards, and nothing is spooled.
        """
        if self._make_delivery is None:
            yield
            return
        before = self._delivery
        if before is not None:
            before.settle()
        self._delivery = meanwhile = self._make_delivery(client)
        self._pipeline.throttle.forget()
        try:
            yield
        finally:
            meanwhile.settle()
            self._delivery = before
            self._pipeline.throttle.forget()
            meanwhile.close()

    @property
    def inert(self) -> bool:
        """Whether nothing is ever sent: there is no routing key, or `enabled` is False."""
        return self._delivery is None

    @property
    def stats(self) -> Stats:
        """What became of every record and event so far."""
        stats = Stats() if self._delivery is None else self._delivery.stats()
        unreadable = self._pipeline.unreadable
        if unreadable:
            dropped = {**stats.dropped, "unreadable": unreadable}
            stats = replace(stats, accepted=stats.accepted + unreadable, dropped=dropped)
        return replace(stats, suppressed=self._pipeline.suppressed, ignored=dict(self._pipeline.ignored))

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Wait until nothing is pending; return whether that came true.

        Args:
            timeout: seconds; default: `flush_timeout`.

        Called by `logging.shutdown`, `dictConfig` and the like, which hold logging's locks, it waits for
        nothing: a worker that needs one of these locks would never end. Delivery goes on.
        """
        if self._delivery is None:
            return True
        if self._holder == threading.get_ident():
            return self._delivery.pending == 0
        return self._delivery.flush(self._delivery.flush_timeout if timeout is None else timeout)

    def close(self) -> None:
        """Let go of thread and connections once everything is delivered; waits for nothing.

        A record that still reaches the handler is delivered all the same.
        """
        if self._delivery is not None:
            self._delivery.close()
        super().close()

    def acquire(self) -> None:
        """Take the handler's lock, which only logging itself does: remember who, for `flush`."""
        super().acquire()
        self._holder = threading.get_ident()

    def release(self) -> None:
        """Give the handler's lock back."""
        self._holder = None
        super().release()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PagerDutyHandler is not pickled: configure logging in each process")


_NO_KEY = RoutingKey("0" * 32)
