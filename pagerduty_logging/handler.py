"""`PagerDutyHandler`: its options, and how it is put together from them.

The way of a record is in `pager.py`.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import logging
import os
import re
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.claims import Claims, Windows
from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.later import later
from pagerduty_logging.delivery.lazy_imports import load_lazy_imports
from pagerduty_logging.delivery.preparation import Preparation
from pagerduty_logging.delivery.spool import Spool
from pagerduty_logging.delivery.spool_format import digest
from pagerduty_logging.events_api import clock, options
from pagerduty_logging.events_api.address import destination
from pagerduty_logging.events_api.client import DEFAULT_TIMEOUT, EventsClient
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Event, Image, Link, this_host
from pagerduty_logging.events_api.late_pattern import compile_all
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.page import alert, figures
from pagerduty_logging.page.deployment import find_environment, find_release
from pagerduty_logging.page.events import BeforeSend
from pagerduty_logging.page.redaction import redactor
from pagerduty_logging.pager import Pager
from pagerduty_logging.pipeline import Pipeline
from pagerduty_logging.record import paged_exceptions
from pagerduty_logging.record.filters import Ignored
from pagerduty_logging.record.frequency import frequency
from pagerduty_logging.record.lookout import Lookout
from pagerduty_logging.record.routing import RoutingRule, rules
from pagerduty_logging.record.source_of_main import load_source_of_main
from pagerduty_logging.state.options import A_CENTURY, open_state
from pagerduty_logging.state.throttle import MAX_FRESH, Throttle
from pagerduty_logging.state.worse import checked_escalation

if TYPE_CHECKING:
    import requests

_numbers = itertools.count()
_handlers: weakref.WeakSet[PagerDutyHandler] = weakref.WeakSet()
_latest: list[PagerDutyHandler] = []
"""The newest that sends, until it is closed on purpose: when a library removes it from
logging, which may be all that held it, it can still say so, and page for what ends the program."""


def handlers() -> list[PagerDutyHandler]:
    """Return every `PagerDutyHandler` of this process, in any order, attached to a logger or not."""
    return list(_handlers)


def _sending() -> list[PagerDutyHandler]:
    return [handler for handler in handlers() if not handler.inert]


class PagerDutyHandler(Pager):
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
        follow_up: seconds after a problem's first event; then one more reports its size, if it has ten
            repeats or more by then; 0: never.
        escalation: "alert": a problem that gets worse (critical, another exception, more frequent) opens a
            second alert, as an event of an open incident wakes nobody; `resolve` resolves both. "same": one.
        escalation_rate: a problem this many times as frequent as its last event said is worse.
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
        before_send: may change a trigger, or drop it by returning None; called on the thread that logs, and
            on the handler's own for events that no record calls for.
        on_error: called with every event that will not be delivered, on the thread that notices; what it
            logs itself is not paged.
        release, environment: shown with every alert; default: the environment variables that hosts and
            error trackers usually set, see `deployment`.
        redact: more names of fields, and compiled patterns, that are secret. False: nothing
            is redacted but the routing key. Redaction has the last word, after `before_send`.
        ignore_loggers: names of loggers that never page, each with all below it; with `*`, `?` or `[` a
            glob of the whole name.
        ignore_exceptions: types, or their dotted names, that never page; subclasses count too.
        min_occurrences: (times, seconds): page only for what happened so often within so many seconds.
            CRITICAL and guarded jobs are exempt.
        ledger: a file that gets a line of JSON for each decision that is not a plain repeat: what paged, what
            did not, and why; `pagerduty-logging why` reads it. Default: the environment variable
            PAGERDUTY_LEDGER, else none.
        ledger_bytes: size at which the file is renamed to one with `.1` at its end, of which one is kept.
        routing: rules, of which the first that fits a record decides with which key it is sent, such as
            `[{"logger": "shop.billing.*", "routing_key_file": "/run/secrets/billing"}]`; also `level`, the
            least one. Each key has its own budget, windows and backlog. `routing_key` is for all others.
        state: where problems are known beyond this process, so that one of many processes sends the event: a
            SQLite file for those of one host, a redis:// address or a client of Redis for many hosts;
            default: the environment variable PAGERDUTY_STATE, else in memory alone.
        remember: seconds that the state knows a problem after its last occurrence.
        enabled: False: silent and inert.

    Raises:
        ValueError, TypeError: naming the option that is wrong; the routing key is never echoed.
    """

    _clocks = clock.Clocks()

    def __init__(
        self,
        routing_key: str | RoutingKey | None = None,
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
        load_source_of_main()
        try:
            key = find_routing_key(routing_key, routing_key_file)
        finally:
            routing_key = None  # a traceback that shows local variables must not show it
        if not options.flag("enabled", enabled):
            key = None
        self.setLevel(options.level("level", level))
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
        self.environment = fields.environment  # as found; the keys of jobs are made with it
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
            ignored=Ignored(ignore_loggers, ignore_exceptions, lambda: process.ending.begun),
            identifier=Identifier(
                fingerprint, redacted.key, environment=fields.environment, client=fields.client
            ),
            before_send=options.function("before_send", before_send, "trigger", "record"),
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
        self._known = self._pipeline.throttle.shortcuts.known
        self._call_sites = self._pipeline.call_sites
        self._state = open_state(
            state,
            routing_key=(key or _NO_KEY).reveal(),
            host=this_host(),
            release=fields.release,
            clean=redacted.text,
            remember=options.seconds("remember", remember, most=A_CENTURY),
            per_minute=options.count("max_events_per_minute", max_events_per_minute),
            say=diagnostics.say,
            background=lambda: background is not False and not process.will_fork_unseen(),
        )
        self.lookout = Lookout(
            self, _sending, say=diagnostics.say, ask=later.ask, is_ending=lambda: process.ending.begun
        )
        process.register(self.lookout)
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
            on_fork=partial(_reset, self._pipeline, weakref.ref(self)),
            on_look=self.lookout.glance,
            max_pending=options.count("max_pending", max_pending),
            max_events_per_minute=options.count("max_events_per_minute", max_events_per_minute),
            background=None if background is None else options.flag("background", background),
            flush_timeout=options.seconds("flush_timeout", flush_timeout, zero=True),
            on_error=options.function("on_error", on_error, "event", "error"),
            diagnostics=diagnostics,
            clock=self._clocks.monotonic,
        )
        spool = options.path("spool", spool)
        if key is not None:
            load_lazy_imports()
            preparation = Preparation(partial(_load, events, self._pipeline.warm_up), diagnostics)
            if self._state is not None:
                # Now: at the end of the process redis can no longer be imported.
                self._state.prepare(greet=process.threads_run())
            self._delivery = make_delivery(
                events,
                ready=preparation,
                spool=None if spool is None else Spool(spool, key, diagnostics),
                make_claims=self._claims(Windows(repeat_interval, max(repeat_interval, max_repeat_interval))),
            )
            preparation.soon()
            later.ask(self.lookout.first_look)
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
            if not self.inert:
                _latest[:] = [self]

    def close(self) -> None:
        """Close thread and connections, see `Pager.close`; closed on purpose, it is no longer kept."""
        super().close()
        if self in _latest and self.lookout.is_closed_on_purpose:
            _latest.clear()

    def _route(
        self, rule: RoutingRule, own: RoutingKey | None, spool: str | None, shared: dict[str, Any]
    ) -> PagerDutyHandler | None:
        """Return the handler for a rule's key; None: this one, whose own key it is."""
        if own is not None and own.reveal() == rule.key.reveal():
            return None
        directory = None if spool is None else os.path.join(spool, f"route-{digest(rule.key)}")
        return _Route(rule.key, level=0, spool=directory, **shared)

    def _claims(self, windows: Windows) -> Callable[..., Claims] | None:
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
            size=self._pipeline.follow_ups.size,
            adopted=figures.take_for_another,
            windows=windows,
            release=self._state.program,
        )


def _reset(pipeline: Pipeline, handler: weakref.ref[PagerDutyHandler]) -> None:
    """Forget all problems and counts, in a forked child."""
    pipeline.reset()
    alive = handler()
    if alive is not None:
        alive.repeats = 0


def _load(events: EventsClient, warm_up: Callable[[], object]) -> None:
    """Import what a page needs, and make one that is not sent: the first one is slow."""
    events.prepare()
    compile_all()
    linecache.getline(__file__, 1)
    warm_up()
    load_lazy_imports()


_NO_KEY = RoutingKey("0" * 32)


class _Route(PagerDutyHandler):
    """The handler of a routing rule's key, to which another handler passes the records that fit."""


_SHARED = frozenset(inspect.signature(PagerDutyHandler).parameters) - {
    *("routing_key", "routing_key_file", "routing", "level", "spool", "enabled"),
}
"""Options that the handlers of all keys have in common."""
