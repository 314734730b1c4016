"""`PagerDutyHandler`: a log record becomes a page.

`handle` ends a repeat at once. Anything else goes through `emit`: what must be taken from the record here and
now is captured, and handed to the delivery, whose worker asks `pipeline.decide` what it calls for.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import logging
import os
import re
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.claims import Claims
from pagerduty_logging.delivery.decisions import RECENT, Decision, Decisions
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.lazy_imports import load_lazy_imports
from pagerduty_logging.delivery.spool import Spool
from pagerduty_logging.delivery.spool_format import digest
from pagerduty_logging.delivery.stats import Stats, total
from pagerduty_logging.events_api import clock, options
from pagerduty_logging.events_api.address import destination
from pagerduty_logging.events_api.client import DEFAULT_TIMEOUT, EventsClient
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Change, Event, Image, Link, this_host
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.lookout import Lookout
from pagerduty_logging.page import alert
from pagerduty_logging.page.deployment import find_environment, find_release
from pagerduty_logging.page.redaction import redactor
from pagerduty_logging.pipeline import BeforeSend, Order, Pipeline
from pagerduty_logging.record import paged_exceptions
from pagerduty_logging.record.filters import Ignored, frequency
from pagerduty_logging.record.routing import Rule, rules
from pagerduty_logging.state.options import open_state
from pagerduty_logging.state.throttle import MAX_FRESH, Throttle
from pagerduty_logging.state.worse import checked_escalation

if TYPE_CHECKING:
    import requests

_ABSL_FATAL = "_absl_log_fatal"
"""Marks a record after which absl's own handler aborts the process (abseil-py: absl/logging/__init__.py)."""
_numbers = itertools.count()
_handlers: weakref.WeakSet[PagerDutyHandler] = weakref.WeakSet()


def handlers() -> list[PagerDutyHandler]:
    """Return all handlers of this process, whichever loggers they are attached to."""
    return list(_handlers)


def _sending() -> list[PagerDutyHandler]:
    return [handler for handler in handlers() if not handler.inert]


class PagerDutyHandler(logging.Handler):
    """Pages through PagerDuty: one alert per problem, however often it is logged.

    A problem is a logger's name and a message's template. Its first record opens an alert; repeats are
    counted, and reported with the next event after `repeat_interval`. A higher severity passes at once.

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
        max_repeat_interval: seconds; each reminder doubles that time, up to this, until a problem is quiet.
        follow_up: seconds after a problem's first event in which its size is told, if it has ten repeats or
            more by then; 0: never.
        escalation: "alert": a problem that gets worse (critical, another exception, more frequent) opens a
            second alert, for an event of an open incident wakes nobody; `resolve` resolves both. "same": one.
        escalation_rate: how many times as frequent as was told is worse.
        max_fingerprints: how many problems are known at once.
        max_events_per_minute: bound of what is sent; PagerDuty refuses more than about 120.
        max_pending: bound of the events that wait; beyond it the least severe are dropped, and one event
            reports them.
        spool: a directory in which events are kept until PagerDuty has them, so that they outlive the
            process; made if it is not there. Default: memory only.
        background: False: send inside the logging call, for at most `timeout` seconds. True: in a thread.
            Default: in a thread, but inside the call under AWS Lambda and in RQ's work horse, which stop
            without waiting for threads.
        flush_timeout: seconds that the end of the process may be delayed, by all handlers together.
        before_send: may change a trigger, or drop it by returning None; called on the thread that logs.
        on_error: called with every event that will not be delivered, on the thread that notices; what it
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
        ledger: a file that gets a line of JSON for each decision that is no plain repeat: what paged, what
            did not, and why; `pagerduty-logging why` reads it. Default: the environment variable
            PAGERDUTY_LEDGER, else none.
        ledger_bytes: size at which the file is renamed to one with `.1` at its end, of which one is kept.
        routing: rules, of which the first that fits a record decides with which key it is sent, such as
            `[{"logger": "shop.billing.*", "routing_key_file": "/run/secrets/billing"}]`; also `level`, the
            least one. Each key has its own budget, windows and backlog. What no rule fits has `routing_key`.
        state: where problems are known beyond this process, so that one of many processes sends the event: a
            SQLite file for those of one host, a redis:// address or a client of Redis for many hosts;
            default: the environment variable PAGERDUTY_STATE, else in memory alone.
        remember: seconds that the state knows a problem after its last occurrence.
        enabled: False: silent and inert.

    Raises:
        ValueError, TypeError: naming the option that is wrong; the routing key is never echoed.
    """

    # Here and not only in the constructor: logging keeps, and flushes, what a bad option left half built.
    _delivery: Delivery | None = None
    _routes: Sequence[tuple[Rule, PagerDutyHandler | None]] = ()
    _holder: int | None = None
    _clocks = clock.Clocks()

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
        max_repeat_interval: float = 3600.0,
        follow_up: float = 15.0,
        escalation: Literal["same", "alert"] = "same",
        escalation_rate: float = 10.0,
        max_fingerprints: int = 10_000,
        max_events_per_minute: int = 100,
        max_pending: int = 1_000,
        spool: str | os.PathLike[str] | None = None,
        background: bool | None = None,
        flush_timeout: float = 5.0,
        before_send: BeforeSend | None = None,
        on_error: Callable[[Event, EventsError], object] | None = None,
        release: str | None = None,
        environment: str | None = None,
        redact: Sequence[str | re.Pattern[str]] | bool = (),
        ignore_loggers: Sequence[str] = (),
        ignore_exceptions: Sequence[type[BaseException] | str] = (),
        min_occurrences: tuple[int, float] | None = None,
        ledger: str | os.PathLike[str] | None = None,
        ledger_bytes: int = 10_000_000,
        routing: Sequence[Mapping[str, Any]] = (),
        state: Any = None,
        remember: float = 604_800.0,
        enabled: bool = True,
    ) -> None:
        shared = {name: value for name, value in locals().items() if name in _SHARED}
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
        found = rules(routing)
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
        diagnostics = Diagnostics()
        self.number = next(_numbers)
        self._mark = paged_exceptions.name(f"{os.getpid()}_{self.number}")
        redacted = redactor(redact, (key or _NO_KEY).reveal)
        self._decisions = Decisions(
            redacted.text,
            options.path("ledger", ledger or os.environ.get("PAGERDUTY_LEDGER") or None),
            options.count("ledger_bytes", ledger_bytes),
            diagnostics,
            self._clocks.monotonic,
            self._clocks.time_of_day,
        )
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
                self._clocks.monotonic,
                random=self._clocks.random,
                max_repeat_interval=options.seconds("max_repeat_interval", max_repeat_interval),
                follow_up=options.seconds("follow_up", follow_up, zero=True),
                escalation_rate=checked_escalation(escalation, escalation_rate),
            ),
            frequency=frequency(min_occurrences, max_fingerprints, self._clocks.monotonic),
            mark=self._mark,
            clock=self._clocks.monotonic,
            decisions=self._decisions,
        )
        self._known = self._pipeline.throttle.known
        self._state = open_state(
            state,
            routing_key=(key or _NO_KEY).reveal(),
            host=this_host(),
            release=fields.release,
            remember=options.seconds("remember", remember),
            per_minute=options.count("max_events_per_minute", max_events_per_minute),
            say=diagnostics.say,
            background=background is not False,
        )
        self.lookout = Lookout(self, _sending, diagnostics)
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
            reports=self._pipeline.follow_ups,
            decisions=self._decisions,
            defer=before_send is None,  # which runs on the thread that logs
            on_fork=self._pipeline.reset,
            on_look=self.lookout.glance,
            max_pending=options.count("max_pending", max_pending),
            max_events_per_minute=options.count("max_events_per_minute", max_events_per_minute),
            background=None if background is None else options.flag("background", background),
            flush_timeout=options.seconds("flush_timeout", flush_timeout, zero=True),
            on_error=options.function("on_error", on_error),
            diagnostics=diagnostics,
            clock=self._clocks.monotonic,
        )
        spool = options.path("spool", spool)
        if key is not None:
            # What a send needs is imported now: a fork or the end of the process may not find it half done.
            events.prepare()
            linecache.getline(__file__, 1)
            self._pipeline.warm_up()
            load_lazy_imports()
            if self._state is not None:
                self._state.prepare(greet=process.threads_run())
            self._delivery = make_delivery(
                events,
                spool=None if spool is None else Spool(spool, key, diagnostics),
                make_claims=self._claims(
                    repeat_interval, max(repeat_interval, max_repeat_interval), fields.release
                ),
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
        if enabled:
            self._routes = [(rule, self._route(rule, key, spool, shared)) for rule in found]
        if type(self) is not _Route:
            _handlers.add(self)

    def _route(
        self, rule: Rule, own: RoutingKey | None, spool: str | None, shared: dict[str, Any]
    ) -> PagerDutyHandler | None:
        """Return what sends with the key of a rule; None: this handler, for it is its own key."""
        if own is not None and own.reveal() == rule.key.reveal():
            return None
        directory = None if spool is None else os.path.join(spool, f"route-{digest(rule.key)}")
        return _Route(rule.key.reveal(), level=0, spool=directory, **shared)

    @property
    def _others(self) -> list[PagerDutyHandler]:
        return [other for _, other in self._routes if other is not None]

    def _claims(self, window: float, longest: float, release: str | None) -> Callable[..., Claims] | None:
        """Return what makes the claims of one process; None: without a shared state."""
        if self._state is None:
            return None
        throttle = self._pipeline.throttle
        throttle.fresh = deque(maxlen=MAX_FRESH)
        return partial(
            Claims,
            self._state,
            throttle=throttle,
            again=self._pipeline.follow_ups.again,
            window=window,
            longest=longest,
            release=release,
        )

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
                self._pipeline.ignore(record, "filter", "a filter of the handler")
                self._write_decisions()
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
                    kind, course = type(raised[1]), problem.course
                    # One of another type may be another problem, by where it came from.
                    if kind in problem.kinds and (
                        course is None or kind.__qualname__.rpartition(".")[2] in course.errors
                    ):
                        problem.occurrences += 1
                        self._pipeline.suppressed += 1
                        try:  # inline, because a call would cost as much as all the rest; see `Mark`
                            raised[1].__dict__[self._mark] = problem.origin
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
        attributes = record.__dict__
        name, level = attributes.get("name"), attributes.get("levelno", self.level)
        if isinstance(level, int) and level < self.level:
            return  # behind a queue the level was not checked yet
        if self._routes and self._routed(record, name, level, defects):
            return
        delivery = self._delivery
        if delivery is None or delivery.is_own(name):
            return
        self.lookout.note_attached(name)
        occurrence = self._pipeline.capture(record, self.formatter, defects)
        if occurrence is None:
            self._write_decisions()
            return
        try:
            delivery.submit(occurrence)
        except Exception:
            self._pipeline.unreadable += 1  # no call: there may be no stack or memory left for one
        finally:
            occurrence.original = None
        if occurrence.overrides and occurrence.overrides.get("event_action") == "resolve" and occurrence.key:
            self._resolve_beside(occurrence.key)
        if _ABSL_FATAL in attributes:
            self.flush()
        interruption = occurrence.interruption
        if interruption is not None:
            occurrence.interruption = None  # its traceback holds this frame
            try:
                raise interruption
            finally:
                interruption = None

    def _routed(self, record: logging.LogRecord, name: object, level: object, defects: list[str]) -> bool:
        """Let the first rule that fits decide who sends; tell whether that is another than this handler."""
        if any(other._delivery is not None and other._delivery.is_own(name) for other in self._others):
            return True
        for rule, other in self._routes:
            if rule.fits(name, level):
                if other is None:
                    return False
                if defects:
                    other._page(record, defects)
                else:
                    other.handle(record)
                return True
        return False

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Set the formatter that makes the message."""
        super().setFormatter(fmt)
        for other in self._others:
            other.setFormatter(fmt)

    def _write_decisions(self) -> None:
        if self._decisions.unwritten and self._delivery is not None:
            self._delivery.write_decisions()

    # --- other events -----------------------------------------------------------------------------

    def acknowledge(self, dedup_key: str) -> None:
        """Acknowledge the problem with this dedup key: a person works on it."""
        for handler in self._all_with(dedup_key):
            handler._submit(handler._pipeline.acknowledge(dedup_key))

    def resolve(self, dedup_key: str) -> None:
        """Resolve the problem with this dedup key; its next occurrence pages."""
        for handler in self._all_with(dedup_key):
            handler._submit(handler._pipeline.resolve(dedup_key))
            handler._resolve_beside(dedup_key)

    def _all_with(self, dedup_key: str) -> list[PagerDutyHandler]:
        """Return who has paged for a problem; everybody, if nobody knows it any more."""
        everybody = [self, *self._others]
        return [one for one in everybody if one._pipeline.knows(dedup_key)] or everybody

    def _resolve_beside(self, dedup_key: str) -> None:
        for order in self._pipeline.beside(dedup_key):
            self._submit(order)

    def change(
        self,
        summary: str,
        *,
        source: str | None = None,
        timestamp: datetime | str | None = None,
        custom_details: Any = None,
        links: Sequence[Link | str | Mapping[str, str]] = (),
    ) -> None:
        """Send a change, such as a deploy; see `Change` for the fields."""
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
        before, routes = self._delivery, self._routes
        self._routes = ()
        if before is not None:
            before.settle()
        self._delivery = meanwhile = self._make_delivery(client)
        self._pipeline.forget()
        try:
            yield
        finally:
            meanwhile.settle()
            self._delivery, self._routes = before, routes
            self._pipeline.forget()
            meanwhile.close()

    @property
    def inert(self) -> bool:
        """Whether nothing is ever sent: there is no routing key, or `enabled` is False."""
        return self._delivery is None and not self._others

    @property
    def stats(self) -> Stats:
        """What became of every record and event so far, with whatever key."""
        return total([self._own_stats, *(other.stats for other in self._others)])

    @property
    def _own_stats(self) -> Stats:
        stats = Stats() if self._delivery is None else self._delivery.stats()
        unreadable = self._pipeline.unreadable
        if unreadable:
            dropped = {**stats.dropped, "unreadable": unreadable}
            stats = replace(stats, accepted=stats.accepted + unreadable, dropped=dropped)
        return replace(
            stats,
            suppressed=self._pipeline.suppressed,
            ignored=dict(self._pipeline.ignored),
            state=None if self._state is None else self._state.stats,
            out_of_reach=self.lookout.trouble() or None,
        )

    @property
    def decisions(self) -> list[Decision]:
        """What the last 200 decisions were that were no plain repeats, the oldest first."""
        if self._delivery is not None:
            self._delivery.settle()
        of_others = [decision for other in self._others for decision in other.decisions]
        return sorted([*self._decisions.recent, *of_others], key=lambda d: d.time)[-RECENT:]

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Wait until nothing is pending; return whether that came true.

        Args:
            timeout: seconds; default: `flush_timeout`.

        Called by `dictConfig` and the like, which hold the lock of the module `logging`, it waits for
        nothing: a worker that needs that lock would never end. Delivery goes on. `logging.shutdown` holds
        the handler's own lock alone, which the worker never needs.
        """
        deliveries = [one._delivery for one in (self, *self._others) if one._delivery is not None]
        if not deliveries:
            return True
        if self._holder == threading.get_ident():
            if _logging_is_locked():
                return not any(delivery.pending for delivery in deliveries)
            waited = [delivery.flush_in_shutdown() for delivery in deliveries]
            return all(waited)
        until = clock.monotonic() + (deliveries[0].flush_timeout if timeout is None else timeout)
        done = [delivery.flush(max(until - clock.monotonic(), 0.0)) for delivery in deliveries]
        return all(done)

    def close(self) -> None:
        """Let go of thread and connections once everything is delivered; waits for nothing.

        A record that still reaches the handler is delivered all the same.
        """
        if self._delivery is not None:
            self._delivery.close()
            self.lookout.note_closed()
        for other in self._others:
            other.close()
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


def _logging_is_locked() -> bool:
    """Return whether this thread holds the lock of the module `logging`; where that is not known, it may."""
    is_owned = getattr(getattr(logging, "_lock", None), "_is_owned", None)
    return is_owned is None or bool(is_owned())


_NO_KEY = RoutingKey("0" * 32)


class _Route(PagerDutyHandler):
    """What sends with the key of a rule, for a handler that is asked first."""


_SHARED = frozenset(inspect.signature(PagerDutyHandler).parameters) - {
    *("routing_key", "routing_key_file", "routing", "level", "spool", "enabled"),
}
"""Options that the handlers of all keys have in common."""
