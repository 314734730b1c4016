"""Puts the worker of one process together: its queue, what sends, and what asks a shared state."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.claims import Claims
from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.delivery.losses import Losses, OnError
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.reports import Reports
from pagerduty_logging.delivery.roles import Roles
from pagerduty_logging.delivery.schedule import Backlog, Budget
from pagerduty_logging.delivery.sending import Sending
from pagerduty_logging.delivery.spool import Spool
from pagerduty_logging.delivery.spooled import SpooledEvents
from pagerduty_logging.delivery.worker import WAKE_UP, OnLook, Worker
from pagerduty_logging.events_api.client import EventsClient


def new_worker(
    client: EventsClient,
    *,
    owner: process.Lives,
    background: bool,
    decide: Callable[[Any], Pending | None],
    ready: Callable[[], object],
    reports: Reports,
    decisions: Decisions,
    defer: bool,
    max_pending: int,
    max_events_per_minute: int,
    spool: Spool | None,
    make_claims: Callable[..., Claims] | None,
    on_error: OnError | None,
    on_look: OnLook | None,
    diagnostics: Diagnostics,
    clock: Callable[[], float],
    random: Callable[[], float],
) -> Worker:
    """Return a worker for this process, with an empty queue; see `Delivery` for the arguments.

    Args:
        owner: what ends with the process, whose worker it is.
        background: whether a thread sends, where threads run.
    """
    roles = Roles()
    threaded = background and process.threads_run()
    spooled = None if spool is None else SpooledEvents(spool, max_pending, clock())
    queue = Queue(Backlog(client.retry, random), Budget(max_events_per_minute), max_pending, clock)
    asks = {"queue": queue, "guard": roles.as_sender, "clock": clock, "in_call": not threaded}
    claims = None if make_claims is None else make_claims(**asks)
    sending = Sending(
        client,
        queue=queue,
        decide=decide,
        ready=ready,
        reports=reports,
        decisions=decisions,
        spooled=spooled,
        losses=Losses(on_error, spooled, diagnostics, roles),
        claims=claims,
        clock=clock,
        diagnostics=diagnostics,
    )
    return Worker(
        sending,
        roles=roles,
        in_call=WAKE_UP if background and process.interpreter_lacks_threads() else math.inf,
        threaded=threaded,
        # With a spool an event is on disk before `submit` returns.
        defers=threaded and defer and spool is None,
        clock=clock,
        diagnostics=diagnostics,
        owner=owner,
        on_look=on_look,
    )
