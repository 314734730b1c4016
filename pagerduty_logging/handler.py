"""`PagerDutyHandler`: a log record becomes a page, told from beginning to end."""

from __future__ import annotations

import linecache
import logging
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from pagerduty_logging import alert, options
from pagerduty_logging.delivery import Delivery, Stats
from pagerduty_logging.diagnostics import Diagnostics
from pagerduty_logging.events_api.client import DEFAULT_TIMEOUT, EventsClient
from pagerduty_logging.events_api.encoding import fit_dedup_key
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import (
    Acknowledge,
    Change,
    Event,
    Image,
    Link,
    Resolve,
    Severity,
    Trigger,
)
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key
from pagerduty_logging.fingerprinting import Fingerprinter, Identity
from pagerduty_logging.schedule import Pending
from pagerduty_logging.spool import Spool
from pagerduty_logging.throttle import Sighting, Throttle, Verdict

if TYPE_CHECKING:
    import requests

MAX_SHORTCUT_CHARS = 1_000
"""A longer message is no template to keep in memory: its repeats are found by their dedup key."""
MAX_NESTED = 5
"""Records whose objects log while they are read, one within the other, before the objects are let be."""

BeforeSend = Callable[[Trigger, logging.LogRecord], Trigger | None]


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
        fingerprint: makes the dedup key of a record; default: `pagerduty_logging.fingerprint`.
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
        enabled: False: silent and inert.

    Raises:
        ValueError, TypeError: naming the option that is wrong; the routing key is never echoed.
    """

    # Here and not only in the constructor: logging keeps, and flushes, what a bad option left half built.
    _delivery: Delivery | None = None
    _suppressed = 0
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
        fingerprint: Callable[[logging.LogRecord], str] | None = None,
        repeat_interval: float = 300.0,
        max_fingerprints: int = 10_000,
        max_events_per_minute: int = 100,
        max_pending: int = 1_000,
        spool: str | os.PathLike[str] | None = None,
        background: bool = True,
        flush_timeout: float = 5.0,
        before_send: BeforeSend | None = None,
        on_error: Callable[[Event, EventsError], object] | None = None,
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
        self._fields = alert.checked_fields(
            source=source,
            component=component,
            group=group,
            event_class=event_class,
            client=client,
            client_url=client_url,
            links=links,
            images=images,
            custom_details=custom_details,
        )
        self._fingerprinter = fingerprint if isinstance(fingerprint, Fingerprinter) else Fingerprinter()
        self._fingerprint = (
            None if isinstance(fingerprint, Fingerprinter) else options.function("fingerprint", fingerprint)
        )
        self._before_send = options.function("before_send", before_send)
        self._diagnostics = Diagnostics()
        self._throttle = Throttle(
            options.seconds("repeat_interval", repeat_interval, zero=True),
            options.count("max_fingerprints", max_fingerprints),
        )
        self._known = self._throttle.known
        self._reading = _Reading()
        events = EventsClient(
            key or _NO_KEY,
            region=region,
            base_url=base_url,
            allow_http=options.flag("allow_http", allow_http),
            session=session,
            timeout=timeout,
            retry=retry,
        )
        make_delivery = partial(
            Delivery,
            events,
            max_pending=options.count("max_pending", max_pending),
            max_events_per_minute=options.count("max_events_per_minute", max_events_per_minute),
            background=options.flag("background", background),
            flush_timeout=options.seconds("flush_timeout", flush_timeout, zero=True),
            on_error=options.function("on_error", on_error),
            diagnostics=self._diagnostics,
        )
        spool = options.path("spool", spool)
        if key is not None:
            # What a send needs is imported now: a fork or the end of the process may not find it half done.
            events.prepare()
            linecache.getline(__file__, 1)
            self._delivery = make_delivery(
                spool=None if spool is None else Spool(spool, key, self._diagnostics),
                on_fork=_Forgetting(self),
            )
            # A handler that is dropped without being closed gives its thread back all the same.
            weakref.finalize(self, self._delivery.close).atexit = False
        elif enabled:
            warnings.warn(
                "PagerDutyHandler has no routing key: nothing will be paged. Give routing_key, set "
                "PAGERDUTY_ROUTING_KEY, or say enabled=False if that is meant",
                stacklevel=2,
            )

    # --- the way of a record ----------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool:
        """End a repeat at once, without a lock; `emit` tells the rest.

        Logging's own `handle` would render and submit while it holds the handler's lock.
        """
        if self.filters:
            passed = self.filter(record)
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        if type(record.msg) is str and "pagerduty" not in record.__dict__:
            problem = self._known.get((record.name, record.msg, record.levelno))
            if problem is not None and problem.quiet_until > monotonic():
                problem.occurrences += 1
                self._suppressed += 1
                return True
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Page for `record`, unless it repeats what was paged. Raises nothing of its own.

        A `KeyboardInterrupt` or `SystemExit` that the program's code raises while the record is read
        goes on to the program, once the page is safe.
        """
        delivery = self._delivery
        if delivery is None or delivery.is_own(record.name) or record.__dict__.get("pagerduty") is False:
            return
        try:
            with self._reading.one_more() as deep:
                pending = self._page(record, deep)
        except BaseException as error:
            self._page_anyway(record, delivery, error)
            if not isinstance(error, Exception):
                raise
            return
        if pending is not None:
            self._submit(pending, delivery)

    def _page(self, record: logging.LogRecord, deep: bool) -> Pending | None:
        """Return the event that a record calls for, None if it calls for none.

        `deep` in records whose reading logs, none of the program's code is run any more.
        """
        wish = alert.own(record).get("event_action")
        identity = _RAW.identify(_without_objects(record)) if deep else self._identify(record)
        if wish == "resolve":
            self._throttle.resolved(identity.key)
            return _pending(Resolve(identity.key), identity.key)
        if wish == "acknowledge":
            return _pending(Acknowledge(identity.key), identity.key)
        sighting = self._throttle.sight(identity.key, alert.severity_of(record), record.created)
        if identity.by_message and len(record.msg) <= MAX_SHORTCUT_CHARS:
            self._throttle.know((record.name, record.msg, record.levelno), sighting.problem)
        if sighting.verdict is Verdict.REPEAT:
            self._suppressed += 1
            return None
        try:
            snapshot = alert.salvage(record) if deep else alert.capture(record, self.formatter)
            compose = self._considered(record, self._composer(snapshot, identity.key, sighting))
        except BaseException:
            self._throttle.settle(sighting.problem, delivered=False)
            raise
        if compose is None:
            self._throttle.settle(sighting.problem, delivered=False)
            return None
        return self._pending(record, identity.key, sighting, snapshot, compose)

    def _page_anyway(self, record: logging.LogRecord, delivery: Delivery, error: BaseException) -> None:
        """Page with what can be had without the program's own code, which has just failed."""
        try:
            key = _RAW.identify(_without_objects(record)).key
            sighting = self._throttle.sight(key, alert.severity_of(record), record.created)
            if sighting.verdict is not Verdict.REPEAT:
                snapshot = alert.salvage(record, error)
                compose = self._composer(snapshot, key, sighting)
                delivery.submit(self._pending(record, key, sighting, snapshot, compose))
        except Exception as broken:
            self._diagnostics.say("emit", f"a record could not be paged: {type(broken).__name__}")

    def _submit(self, pending: Pending, delivery: Delivery) -> None:
        try:
            delivery.submit(pending)
        except Exception as broken:
            self._diagnostics.say("emit", f"an event could not be taken in: {type(broken).__name__}")

    def _identify(self, record: logging.LogRecord) -> Identity:
        if self._fingerprint is not None and not alert.own(record).get("dedup_key"):
            try:
                key = fit_dedup_key(str(self._fingerprint(record)))
                if key:
                    return Identity(key, by_message=False)
                self._diagnostics.say("fingerprint", "fingerprint returned nothing")
            except Exception as error:
                self._diagnostics.say("fingerprint", f"fingerprint raised {type(error).__name__}")
        identity = self._fingerprinter.identify(record)
        return identity._replace(key=fit_dedup_key(identity.key))

    def _composer(self, snapshot: alert.Snapshot, key: str, sighting: Sighting) -> Callable[[], Trigger]:
        return partial(alert.compose, snapshot, key, sighting.history, self._fields)

    def _considered(
        self, record: logging.LogRecord, compose: Callable[[], Trigger]
    ) -> Callable[[], Trigger] | None:
        """Let `before_send` change the trigger, here where its record is at hand; None: not to be sent."""
        if self._before_send is None:
            return compose
        trigger = compose()
        try:
            changed = self._before_send(trigger, record)
        except Exception as error:
            self._diagnostics.say("before_send", f"before_send raised {type(error).__name__}")
            changed = trigger
        if changed is None:
            return None
        considered = changed if isinstance(changed, Trigger) else trigger
        return lambda: considered

    def _pending(
        self,
        record: logging.LogRecord,
        key: str,
        sighting: Sighting,
        snapshot: alert.Snapshot,
        compose: Callable[[], Trigger],
    ) -> Pending:
        return Pending(
            dedup_key=key,
            severity=snapshot.severity,
            known=sighting.verdict is Verdict.REMINDER,
            accepted_at=monotonic(),
            compose=compose,
            settle=partial(self._throttle.settle, sighting.problem),
            label=alert.label(record),
            size=alert.size(snapshot),
        )

    # --- what else a handler can be told ----------------------------------------------------------

    def acknowledge(self, dedup_key: str) -> None:
        """Send word that somebody is on the problem with this dedup key."""
        self._send(Acknowledge(dedup_key), fit_dedup_key(dedup_key))

    def resolve(self, dedup_key: str) -> None:
        """Send word that the problem with this dedup key is over; its next occurrence pages."""
        self._throttle.resolved(fit_dedup_key(dedup_key))
        self._send(Resolve(dedup_key), fit_dedup_key(dedup_key))

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
        self._send(change, dedup_key="")

    def _send(self, event: Event, dedup_key: str) -> None:
        if self._delivery is not None:
            self._delivery.submit(_pending(event, dedup_key))

    @property
    def stats(self) -> Stats:
        """What became of every record and event so far."""
        stats = Stats() if self._delivery is None else self._delivery.stats()
        return replace(stats, suppressed=self._suppressed)

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
_RAW = Fingerprinter(template_source="raw")


def _without_objects(record: logging.LogRecord) -> logging.LogRecord:
    """Return what of a record can be read without running the program's code."""
    msg = record.msg if type(record.msg) is str else type(record.msg).__name__
    return logging.makeLogRecord({"name": record.name, "msg": msg, "pagerduty": alert.own(record)})


def _pending(event: Event, dedup_key: str) -> Pending:
    """Return an event that no record made, to be sent as it is or not at all."""
    return Pending(
        dedup_key=dedup_key,
        severity=Severity.ERROR,
        known=False,
        accepted_at=monotonic(),
        compose=lambda: event,
        settle=_nobody_waits,
        label=type(event).__name__.lower(),
        bare=True,
    )


def _nobody_waits(delivered: bool) -> int:
    """Nobody holds back repeats of an acknowledge, a resolve or a change."""
    return 1


class _Forgetting:
    """Lets a handler forget, in a forked child, what its parent knew; does not keep it alive."""

    def __init__(self, handler: PagerDutyHandler) -> None:
        self._handler = weakref.ref(handler)

    def __call__(self) -> None:
        handler = self._handler()
        if handler is not None:
            handler._throttle.forget()
            handler._suppressed = 0


class _Reading:
    """How deep each thread is in records whose reading logs, and so on."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}

    @contextmanager
    def one_more(self) -> Iterator[bool]:
        """Tell whether it is so deep that the program's code should not be run once more."""
        me = threading.get_ident()
        depth = self._depths.get(me, 0)
        self._depths[me] = depth + 1
        try:
            yield depth >= MAX_NESTED
        finally:
            if depth:
                self._depths[me] = depth
            else:
                del self._depths[me]
