"""The way of a record through one handler; the handler's other events, its figures and its end.

`handle` counts a repeat, and is done. Anything else goes through `emit`: what only this thread can take from
the record is captured and submitted to the delivery, whose worker calls `pipeline.decide`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NoReturn, TypeVar

from pagerduty_logging.delivery import logging_lock
from pagerduty_logging.delivery.decisions import RECENT, Decision, Decisions
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.stats import Stats, total
from pagerduty_logging.events_api import clock
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.events import Change, Link, require_text
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting.call_sites import CallSites
from pagerduty_logging.page.events import Order
from pagerduty_logging.pipeline import Pipeline
from pagerduty_logging.record.lookout import Lookout
from pagerduty_logging.record.routing import RoutingRule
from pagerduty_logging.state.problem import Problem
from pagerduty_logging.state.shared import SharedState

_ABSL_FATAL = "_absl_log_fatal"
"""Marks a record after which absl's own handler aborts the process (abseil-py: absl/logging/__init__.py)."""


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _named_for_users(method: _Method) -> _Method:
    """Make Python's error for a wrong argument name the class that users know."""
    method.__qualname__ = f"PagerDutyHandler.{method.__name__}"
    return method


class Pager(logging.Handler):
    """Takes records, and pages for what is news; `PagerDutyHandler` builds one from its options.

    Attributes:
        lookout: notices when no error reaches the handler any more.
        repeats: records that `handle` only counted.
    """

    # Class attributes too: where the constructor raises, logging still holds, and flushes, the handler.
    _delivery: Delivery | None = None
    _routes: Sequence[tuple[RoutingRule, Pager | None]] = ()
    _holder: int | None = None
    repeats = 0

    lookout: Lookout
    _pipeline: Pipeline
    _known: Mapping[str, Mapping[str, Problem]]
    _call_sites: CallSites
    _mark: str
    _decisions: Decisions
    _state: SharedState | None
    _destination: str
    _make_delivery: Callable[..., Delivery] | None

    @property
    def _others(self) -> list[Pager]:
        return [other for _, other in self._routes if other is not None]

    # --- the way of a record ----------------------------------------------------------------------

    def __repr__(self) -> str:
        # Asked for by tools that show local variables, even while the constructor fails.
        level = logging.getLevelName(self.level) if hasattr(self, "level") else "no level yet"
        return f"<{type(self).__name__} ({level}) for {getattr(self, '_destination', 'no address yet')}>"

    def handle(self, record: logging.LogRecord, _now: Callable[[], float] = clock.quickest()) -> bool:  # noqa: B008
        """Count a repeat, without a lock; pass anything else to `emit`.

        Logging's own `handle` would render and submit while it holds the handler's lock.
        """
        if self.filters and not (record := self._passed(record)):
            return False
        try:
            message = record.msg
            if type(message) is str:
                problem = self._known[record.name][message]
                if (
                    problem.quiet_until > _now()
                    and record.levelno == problem.level
                    and not hasattr(record, "pagerduty")
                ):
                    if record.exc_info is None:
                        problem.occurrences += 1
                        self.repeats += 1
                        return True
                    caught = record.exc_info[1]
                    # One of another type may be another problem, by where it came from.
                    if type(caught) in problem.kinds and (
                        problem.course is None or type(caught).__name__ in problem.course.errors
                    ):
                        problem.occurrences += 1
                        self.repeats += 1
                        try:  # inline, because a call would cost as much as all the rest; see `Mark`
                            caught.__dict__[self._mark] = problem.origin
                        except Exception:
                            return True
                        return True
        except Exception:  # not known, or a record made by hand, of which anything may be wrong
            pass
        try:
            if self._call_sites.count(record, _now):
                self.repeats += 1
                return True
        except Exception:  # as above
            pass
        except BaseException:  # the application's code ends the program, or a signal does
            self.emit(record)
            raise
        try:
            self.emit(record)
        except RecursionError:
            self._pipeline.capturing.unreadable += 1  # no stack is left to page with
        return True

    def _passed(self, record: logging.LogRecord) -> Any:
        """Return the record as the filters leave it, or False; one that a filter fails on is paged."""
        try:
            passed = self.filter(record)
        except Exception as error:
            self._page(record, [f"a filter failed: {type_name(error)}"])
            return False
        if not passed:
            self._pipeline.capturing.ignore(record, "filter", "a filter of the handler")
            self._write_decisions()
        return passed

    def addFilter(self, filter: Any) -> None:
        """Add a filter; but not the one by which AWS Powertools keeps records from root handlers.

        It is to prevent that Lambda prints a line twice, and rejects every logger whose name contains that of
        the service: nothing would page (aws-lambda-powertools 3.37: logging/filters.py, `SuppressFilter`).
        """
        if not str(type(filter).__module__).startswith("aws_lambda_powertools."):
            super().addFilter(filter)

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
        if self.lookout.asks:
            self.lookout.note_attached(name)
        occurrence = self._pipeline.capturing.capture(record, self.formatter, defects)
        if occurrence is None:
            self._write_decisions()
            return
        try:
            delivery.submit(occurrence)
        except Exception:
            self._pipeline.capturing.unreadable += 1  # no call: there may be no stack or memory left for one
        finally:
            occurrence.original = None
        if occurrence.overrides and occurrence.overrides.get("event_action") == "resolve" and occurrence.key:
            self._resolve_second_alerts(occurrence.key)
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
        """Hand the record to the handler of the first rule that fits; return whether it is not this one's."""
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

    @_named_for_users
    def acknowledge(self, dedup_key: str) -> None:
        """Acknowledge the problem with this dedup key: a person works on it.

        Sent in the background, after what was logged before. Nothing happens if no alert is open.

        Raises:
            TypeError, ValueError: the key is not text, or empty.
        """
        for handler in self._all_with(dedup_key):
            handler._submit(handler._pipeline.acknowledge(dedup_key))

    @_named_for_users
    def resolve(self, dedup_key: str) -> None:
        """Resolve the problem with this dedup key, and its second alerts; its next occurrence pages.

        Sent and raises as `acknowledge`.
        """
        for handler in self._all_with(dedup_key):
            handler._submit(handler._pipeline.resolve(dedup_key))
            handler._resolve_second_alerts(dedup_key)

    def _all_with(self, dedup_key: str) -> list[Pager]:
        """Return the handlers that have paged for a problem; all of them, if none knows it any more."""
        require_text("dedup_key", dedup_key)
        handlers = [self, *self._others]
        return [handler for handler in handlers if handler._pipeline.knows(dedup_key)] or handlers

    def _resolve_second_alerts(self, dedup_key: str) -> None:
        for order in self._pipeline.resolve_second_alerts(dedup_key):
            self._submit(order)

    @_named_for_users
    def change(
        self,
        summary: str,
        *,
        source: str | None = None,
        timestamp: datetime | str | None = None,
        custom_details: Any = None,
        links: Sequence[Link | str | Mapping[str, str]] = (),
    ) -> None:
        """Send a change, such as a deploy, in the background; see `Change` for the fields and the errors."""
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
        unreadable = self._pipeline.capturing.unreadable
        if unreadable:
            dropped = {**stats.dropped, "unreadable": unreadable}
            stats = replace(stats, accepted=stats.accepted + unreadable, dropped=dropped)
        return replace(
            stats,
            suppressed=self._pipeline.suppressed + self.repeats,
            ignored=dict(self._pipeline.capturing.ignored),
            state=None if self._state is None else self._state.stats,
            out_of_reach=self.lookout.trouble() or None,
        )

    @property
    def decisions(self) -> list[Decision]:
        """What the last 200 decisions were that were not plain repeats, the oldest first."""
        if self._delivery is not None:
            self._delivery.settle()
        of_others = [decision for other in self._others for decision in other.decisions]
        return sorted([*self._decisions.recent, *of_others], key=lambda d: d.time)[-RECENT:]

    @_named_for_users
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
            if logging_lock.is_held_here():
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
        """Take the handler's lock, which only logging does, and note the thread for `flush`."""
        super().acquire()
        self._holder = threading.get_ident()

    def release(self) -> None:
        """Give the handler's lock back."""
        self._holder = None
        super().release()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PagerDutyHandler is not pickled: configure logging in each process")
