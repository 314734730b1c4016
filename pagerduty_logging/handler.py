"""`PagerDutyHandler`: a log record becomes a page, told from beginning to end."""

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
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from sys import getsizeof
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pagerduty_logging import alert, marks, options, wishes
from pagerduty_logging.delivery import Delivery, Stats
from pagerduty_logging.deployment import find_environment, find_release
from pagerduty_logging.diagnostics import Diagnostics
from pagerduty_logging.events_api.client import DEFAULT_TIMEOUT, EventsClient
from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS, encode, fit_dedup_key
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
from pagerduty_logging.nesting import MAX_NESTED, Nesting
from pagerduty_logging.noise import Ignored, frequency
from pagerduty_logging.plain_record import copy_of, record_of
from pagerduty_logging.readable import plain
from pagerduty_logging.redaction import redactor
from pagerduty_logging.safejson import type_name
from pagerduty_logging.schedule import Pending
from pagerduty_logging.snapshot import (
    Snapshot,
    Surroundings,
    capture,
    created,
    exception_of,
    read,
    salvage,
    surroundings,
)
from pagerduty_logging.spool import Spool
from pagerduty_logging.throttle import History, Settlement, Sighting, Throttle, Verdict

if TYPE_CHECKING:
    import requests

BeforeSend = Callable[[Trigger, logging.LogRecord], Trigger | None]

MAX_SHORTCUT_CHARS = 2_000
"""Characters of a message that is kept to know its repeats by; a longer one is identified each time."""

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
        ignore_loggers: globs of logger names whose records never page, such as "django.security.*".
        ignore_exceptions: types, or their dotted names, that never page; subclasses count too.
        min_occurrences: (times, seconds): page only for what happened so often within so many seconds.
            CRITICAL is exempt.
        enabled: False: silent and inert.

    Raises:
        ValueError, TypeError: naming the option that is wrong; the routing key is never echoed.
    """

    # Here and not only in the constructor: logging keeps, and flushes, what a bad option left half built.
    _delivery: Delivery | None = None
    _suppressed = 0
    _unreadable = 0
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
            release=find_release(release),
            environment=find_environment(environment),
        )
        self._redactor = redactor(redact, (key or _NO_KEY).reveal)
        self._ignored = Ignored(ignore_loggers, ignore_exceptions)
        self._fingerprinter, self._fingerprint = _fingerprints(fingerprint)
        self._before_send = options.function("before_send", before_send)
        self._diagnostics = Diagnostics()
        self._throttle = Throttle(
            options.seconds("repeat_interval", repeat_interval, zero=True),
            options.count("max_fingerprints", max_fingerprints),
        )
        self._known = self._throttle.known
        self._frequency = frequency(min_occurrences, max_fingerprints)
        self._mark = marks.name(f"{os.getpid()}_{next(_numbers)}")
        self._nesting = Nesting()
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
            self._rehearse()
            self._delivery = make_delivery(
                events,
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
        self._make_delivery = make_delivery if enabled else None
        _handlers.add(self)

    def _rehearse(self) -> None:
        """Make a page that is not sent, so that what is slow for the first time only is slow now."""
        attributes = {"msg": "a rehearsal", "levelno": logging.ERROR, "pathname": marks.__file__, "lineno": 1}
        snapshot = salvage(record := logging.makeLogRecord(attributes))
        with suppress(Exception):  # what fails here fails, and is told, with a page that matters
            self._fingerprinter.identify(record)
            event = alert.compose(snapshot, "rehearsal", History(1, 0, 0.0), self._fields)
            encode(self._redactor.event(event))

    # --- the way of a record ----------------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool:
        """End a repeat at once, without a lock; `emit` tells the rest.

        Logging's own `handle` would render and submit while it holds the handler's lock.
        """
        if self.filters:
            try:
                passed = self.filter(record)
            except Exception as error:
                self._accept(record, [f"a filter failed: {type_name(error)}"])
                return True
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        message = record.msg
        if type(message) is str:
            try:
                problem = self._known[record.name][message]
                repeat = (
                    problem.quiet_until > monotonic()
                    and record.levelno <= problem.level
                    and not hasattr(record, "pagerduty")
                )
            except Exception:  # not known, or a record made by hand, of which anything may be wrong
                repeat = False
            if repeat:
                problem.occurrences += 1
                self._suppressed += 1
                if record.exc_info is not None:
                    try:  # inline, because a call would cost as much as all the rest
                        record.exc_info[1].__dict__[self._mark] = problem.key
                    except Exception:
                        return True
                return True
        try:
            self.emit(record)
        except RecursionError:
            self._unreadable += 1  # no stack is left to page with
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

        A `KeyboardInterrupt` or `SystemExit` that the program's code raises while the record is read
        goes on to the program, once the page is safe.
        """
        self._accept(record, [])

    def _accept(self, record: logging.LogRecord, defects: list[str]) -> None:
        delivery = self._delivery
        if delivery is None:
            return
        said = wishes.said_by(record)
        if said is False:
            return
        delivery.notice_fork()
        if type(record.name) is str and delivery.is_own(record.name):
            return
        interruption: BaseException | None = None
        try:
            depth = self._nesting.enter()
            try:
                wished = wishes.wishes_in(said)
                pending, interruption = self._page(record, wished, defects, depth >= MAX_NESTED)
            finally:
                self._nesting.leave(depth)
        except BaseException as error:
            interruption = error
            try:
                pending = self._page_anyway(record, error, defects)
            except Exception:
                self._unreadable += 1  # no call: there may be no stack or memory left for one
                pending = None
        if pending is not None:
            self._submit(pending, delivery)
        try:
            if interruption is not None and not isinstance(interruption, Exception):
                raise interruption
        finally:
            interruption = None  # its traceback holds this frame

    def _page(
        self, record: logging.LogRecord, wished: dict[object, Any], defects: list[str], deep: bool
    ) -> tuple[Pending | None, BaseException | None]:
        """Return the event that a record calls for, if any, and what its own code raised while it was read.

        `deep` in records whose reading logs, none of the program's code is run any more.
        """
        error = exception_of(record)
        if self._ignored.matches(record.name, error):
            return None, None
        identity = _identity_of(salvage(record)) if deep else self._identify(record, wished, error, defects)
        action = wishes.wish(wished, "event_action")
        if action == "resolve":
            self._throttle.resolved(identity.key)
            return self._as_it_is(Resolve(identity.key), identity.key), None
        if action == "acknowledge":
            return self._as_it_is(Acknowledge(identity.key), identity.key), None
        severity = wishes.severity_of(record, wished)
        sighting = self._sight(record, error, identity, severity)
        if sighting is None or sighting.verdict is Verdict.REPEAT:
            self._suppressed += 1
            return None, None
        settle = Settlement(self._throttle, sighting.problem)
        failure: BaseException | None = None
        try:
            try:
                if not (deep or defects):
                    pending = self._read_later(record, error, severity, sighting, settle)
                    if pending is not None:
                        return pending, None
                snapshot = salvage(record) if deep else capture(record, self.formatter, defects)
                compose = self._considered(record, self._composer(snapshot, sighting))
            except BaseException as broken:
                failure = broken
                snapshot = salvage(record, broken, defects)
                compose = self._composer(snapshot, sighting)
            if compose is None:
                settle(False)
                return None, None
            return self._pending(snapshot, sighting, compose, settle), failure
        except BaseException:
            settle(False)
            raise
        finally:
            del failure  # its traceback holds this frame

    def _page_anyway(
        self, record: logging.LogRecord, error: BaseException, defects: list[str]
    ) -> Pending | None:
        """Return the event that can be had without the program's own code, which has just failed."""
        snapshot = salvage(record, error, defects)
        sighting = self._throttle.sight(_identity_of(snapshot).key, snapshot.severity, snapshot.created)
        if sighting.verdict is Verdict.REPEAT:
            return None
        settle = Settlement(self._throttle, sighting.problem)
        return self._pending(snapshot, sighting, self._composer(snapshot, sighting), settle)

    def _submit(self, pending: Pending, delivery: Delivery) -> None:
        try:
            delivery.submit(pending)
        except Exception:
            self._unreadable += 1  # no call: there may be no stack or memory left for one
            pending.settle(False)

    def _identify(
        self,
        record: logging.LogRecord,
        wished: dict[object, Any],
        error: BaseException | None,
        defects: list[str],
    ) -> Identity:
        """Return the problem that a record asks for, else its exception's, else the fingerprint's."""
        asked = wishes.wish(wished, "dedup_key")
        if asked is not None:
            return Identity(self._shown_key(asked), by_message=False)
        key = None if error is None else marks.marked(error, self._mark)
        if key is not None:
            return Identity(key, by_message=False)
        if self._fingerprint is not None:
            try:
                key = self._shown_key(str(self._fingerprint(record)))
                if key:
                    return Identity(key, by_message=False)
                defects.append("fingerprint returned nothing")
            except Exception as broken:
                defects.append(f"fingerprint raised {type_name(broken)}")
        try:
            return self._fingerprinter.identify(record)
        except Exception as broken:
            defects.append(f"the problem could not be identified: {type_name(broken)}")
            return _identity_of(salvage(record))

    def _shown_key(self, key: str) -> str:
        """Return a dedup key of the program's as it leaves: one line of plain text without a secret."""
        shown = plain(key).replace("\n", " ") if len(key) <= MAX_DEDUP_KEY_CHARS else key
        return self._redactor.key(fit_dedup_key(shown))

    def _sight(
        self, record: logging.LogRecord, error: BaseException | None, identity: Identity, severity: Severity
    ) -> Sighting | None:
        """Note the occurrence; None: it happens too seldom to page."""
        seen = created(record)
        held = None
        if self._frequency is not None and severity is not Severity.CRITICAL:
            held = self._frequency.note(identity.key, seen)
            if held is None:
                return None
        if error is not None:
            if marks.marked(error, self._mark) is not None and severity is Severity.CRITICAL:
                # An error that goes on to end the program is the same error, and PagerDuty's urgency
                # is the same for both words.
                severity = Severity.ERROR
            marks.mark(error, self._mark, identity.key)
        sighting = self._throttle.sight(identity.key, severity, seen)
        if (
            # Most problems of a storm of them do not come again; but an exception that does is known by
            # its mark, which tells nothing of the message.
            (sighting.verdict is not Verdict.FIRST or error is not None)
            and identity.by_message
            and type(record.levelno) is int
            and type(record.name) is str
            and _is_short(record.msg)
        ):
            self._throttle.know(record.name, record.msg, record.levelno, sighting.problem)
        if held is not None:
            history = sighting.history
            history.occurrences += held.times
            history.first_seen = min(history.first_seen, held.first_seen)
        return sighting

    def _read_later(
        self,
        record: logging.LogRecord,
        error: BaseException | None,
        severity: Severity,
        sighting: Sighting,
        settle: Callable[[bool], int],
    ) -> Pending | None:
        """Return the event of a record of plain data, to be read when its turn comes; None: read it now."""
        if self.formatter is not None or self._before_send is not None:
            return None
        copied = copy_of(record)
        if copied is None:
            return None
        copy, size = copied
        around = surroundings(record, error)
        if around.chain:
            size += sum(getsizeof(raised.text) + 100 * len(raised.frames) for raised in around.chain)
        if around.crumbs:
            size += 200 * len(around.crumbs)
        key = sighting.problem.key
        return Pending(  # by position: by name it takes twice the time
            key,
            severity,
            sighting.verdict is Verdict.REMINDER,
            monotonic(),
            partial(self._composed_of, copy, around, key, sighting.history),
            settle,
            alert.named(record.levelname, record.name, record.filename, record.lineno),
            size,
        )

    def _composed_of(
        self, copy: dict[str, Any], around: Surroundings, dedup_key: str, history: History
    ) -> Event:
        snapshot = read(record_of(copy), around)
        return self._redactor.event(alert.compose(snapshot, dedup_key, history, self._fields))

    def _composer(self, snapshot: Snapshot, sighting: Sighting) -> Callable[[], Trigger]:
        return partial(alert.compose, snapshot, sighting.problem.key, sighting.history, self._fields)

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
            changed = alert.noted(trigger, f"before_send raised {type_name(error)}")
        if changed is None:
            return None
        if not isinstance(changed, Trigger):
            changed = alert.noted(trigger, f"before_send returned no Trigger: {type_name(changed)}")
        considered = changed
        return lambda: considered

    def _pending(
        self,
        snapshot: Snapshot,
        sighting: Sighting,
        compose: Callable[[], Trigger],
        settle: Callable[[bool], int],
    ) -> Pending:
        return Pending(
            dedup_key=sighting.problem.key,
            severity=snapshot.severity,
            known=sighting.verdict is Verdict.REMINDER,
            accepted_at=monotonic(),
            compose=partial(self._redacted, compose),
            settle=settle,
            label=alert.label(snapshot),
            size=alert.size(snapshot),
        )

    def _as_it_is(self, event: Event, dedup_key: str) -> Pending:
        """Return an event that no record's trouble made, to be sent as it is or not at all."""
        return Pending(
            dedup_key=dedup_key,
            severity=Severity.ERROR,
            known=False,
            accepted_at=monotonic(),
            compose=partial(self._redactor.event, event),
            settle=_nobody_waits,
            label=type(event).__name__.lower(),
            bare=True,
        )

    def _redacted(self, compose: Callable[[], Event]) -> Event:
        return self._redactor.event(compose())

    # --- what else a handler can be told ----------------------------------------------------------

    def acknowledge(self, dedup_key: str) -> None:
        """Send word that somebody is on the problem with this dedup key."""
        dedup_key = self._shown_key(dedup_key)
        self._send(Acknowledge(dedup_key), dedup_key)

    def resolve(self, dedup_key: str) -> None:
        """Send word that the problem with this dedup key is over; its next occurrence pages."""
        dedup_key = self._shown_key(dedup_key)
        self._throttle.resolved(dedup_key)
        self._send(Resolve(dedup_key), dedup_key)

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
            self._delivery.notice_fork()
            self._delivery.submit(self._as_it_is(event, dedup_key))

    @contextmanager
    def delivering_by(self, client: EventsClient) -> Iterator[None]:
        """Deliver by another client for a while, also without a routing key; not if `enabled` is False.

        For tests: no problem is known at the beginning, none afterwards, and nothing is spooled.
        """
        if self._make_delivery is None:
            yield
            return
        before = self._delivery
        self._delivery = meanwhile = self._make_delivery(client, on_fork=_Forgetting(self))
        self._throttle.forget()
        try:
            yield
        finally:
            self._delivery = before
            self._throttle.forget()
            meanwhile.close()

    @property
    def inert(self) -> bool:
        """Whether nothing is ever sent: there is no routing key, or `enabled` is False."""
        return self._delivery is None

    @property
    def stats(self) -> Stats:
        """What became of every record and event so far."""
        stats = Stats() if self._delivery is None else self._delivery.stats()
        if self._unreadable:
            dropped = {**stats.dropped, "unreadable": self._unreadable}
            stats = replace(stats, accepted=stats.accepted + self._unreadable, dropped=dropped)
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


def _identity_of(snapshot: Snapshot) -> Identity:
    """Return the problem of what could be read without running the program's code."""
    plain_record = logging.makeLogRecord({"name": snapshot.logger, "msg": snapshot.message})
    return _RAW.identify(plain_record)._replace(by_message=False)


def _fingerprints(
    option: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None,
) -> tuple[Fingerprinter, Callable[[logging.LogRecord], str] | None]:
    """Return our own fingerprinter, and the user's function, which comes first."""
    if not isinstance(option, Mapping):
        return Fingerprinter(), options.function("fingerprint", option)
    try:
        return Fingerprinter(**option), None
    except (TypeError, ValueError) as error:
        raise type(error)(f"fingerprint: {error}") from None


def _is_short(message: object) -> bool:
    return type(message) is str and len(message) <= MAX_SHORTCUT_CHARS


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
            handler._suppressed = handler._unreadable = 0
