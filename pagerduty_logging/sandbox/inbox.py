"""The inbox: web pages that show the alerts."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from flask import Blueprint, Response, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as WSGIResponse

from pagerduty_logging.sandbox import details, frequency, live, reasons, timeline
from pagerduty_logging.sandbox.rules import EXAMPLE_ROUTING_KEY
from pagerduty_logging.sandbox.store import Store
from pagerduty_logging.sandbox.values import Alert

GONE = "It is not in the inbox any more."
MAX_RELATED = 20  # other alerts of the same problem, shown on an alert's page
MAX_HISTORY = 200  # lines of history on an alert's page, the newest ones

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
"""Content-Security-Policy: nothing in an event can run, or load anything."""


def create_inbox(store: Store, streams: live.Live, *, ca_file: str | None) -> Blueprint:
    """Build the pages of a sandbox."""
    here = Path(__file__).parent
    inbox = Blueprint(
        "inbox",
        __name__,
        template_folder=here / "templates",
        static_folder=here / "static",
        static_url_path="/static",
    )
    inbox.add_app_template_filter(_clock, "clock")
    inbox.add_app_template_filter(_full, "full")
    inbox.add_app_template_filter(_tail, "tail")
    inbox.add_app_template_filter(details.cell, "cell")
    inbox.add_app_template_filter(details.web_address, "web_address")
    inbox.add_app_template_filter(occurrences, "occurrences")
    inbox.add_app_template_filter(reasons.why_in, "why")
    inbox.add_app_template_filter(reasons.hosts_in, "hosts")

    def note_revision() -> None:
        # Before anything is read, so that the page never claims to be newer than its content.
        g.revision = store.revision

    def context() -> dict[str, Any]:
        return {
            "base_url": request.host_url.rstrip("/"),
            "ca_file": ca_file,
            "routing_key": EXAMPLE_ROUTING_KEY,
        }

    inbox.before_app_request(note_revision)
    inbox.app_context_processor(context)

    @inbox.get("/")
    def entries() -> str:
        reading = store.read()
        filters = timeline.Filters.of(request.args)
        found = filters.select(reading)
        filters = filters.within(len(found))
        start = (filters.page - 1) * timeline.PAGE_ENTRIES
        shown = found[start : start + timeline.PAGE_ENTRIES]
        return render_template(
            "inbox.html",
            filters=filters,
            counts=timeline.counts(reading),
            services=len({event.body["routing_key"] for event in reading.events}),
            entries=shown,
            found=len(found),
            start=start,
            more=len(found) > start + len(shown),
            frequency=frequency.of(reading.events, datetime.now(UTC)),
        )

    @inbox.get("/alerts/<int:number>")
    def alert(number: int) -> str:
        alert, body = store.find_alert(number) or abort(404, GONE)
        return render_template(
            "alert.html",
            alert=alert,
            history=alert.history[: -MAX_HISTORY - 1 : -1],
            left_out=max(0, len(alert.history) - MAX_HISTORY),
            beside=reasons.related(alert, store.read().alerts)[:MAX_RELATED],
            raw=_raw(body),
        )

    @inbox.get("/changes/<int:number>")
    def change(number: int) -> str:
        change, body = store.find_change(number) or abort(404, GONE)
        return render_template("change.html", change=change, raw=_raw(body))

    def act(number: int, action: Literal["acknowledge", "resolve"]) -> WSGIResponse:
        if not store.act(number, action):
            abort(409, "This alert is not open any more.")
        return redirect(f"/alerts/{number}", 303)

    @inbox.post("/alerts/<int:number>/acknowledge")
    def acknowledge(number: int) -> WSGIResponse:
        return act(number, "acknowledge")

    @inbox.post("/alerts/<int:number>/resolve")
    def resolve(number: int) -> WSGIResponse:
        return act(number, "resolve")

    @inbox.get("/live")
    def news() -> Response:
        return Response(streams.stream(), content_type=live.MIMETYPE)

    return inbox


def protect(response: Response) -> Response:
    """Add headers that restrict a page to what it needs, and forbid caching."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = POLICY
        # Not "no-referrer", which would remove the Origin from the buttons' requests too.
        response.headers["Referrer-Policy"] = "same-origin"
    if not request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


def occurrences(alert: Alert) -> int:
    """Return how often a problem happened: the sender's count, or the number of triggers if that is more."""
    body = {"payload": {"custom_details": alert.custom_details}}
    return max(alert.triggers, frequency.count_in(body, "occurrences"))


def _raw(body: dict[str, Any]) -> str:
    shown = {**body, "routing_key": _tail(body["routing_key"])}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _tail(key: str) -> str:
    return f"…{key[-4:]}"


def _clock(moment: datetime) -> str:
    local = moment.astimezone()
    if local.date() == datetime.now().date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b %H:%M:%S}"


def _full(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"
