"""The routes: PagerDuty's own under `/v2/`, a control API for other processes under `/api/`, the inbox."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.wrappers import Response as WSGIResponse

from pagerduty_logging.events_api import address
from pagerduty_logging.sandbox import faults, openapi, rules
from pagerduty_logging.sandbox.inbox import create_inbox, protect
from pagerduty_logging.sandbox.limits import RateLimit
from pagerduty_logging.sandbox.live import Live
from pagerduty_logging.sandbox.store import Store

THROTTLED: dict[str, Any] = {  # PagerDuty's own words; the two spaces are theirs
    "status": "throttle exceeded",
    "message": "Requests for this service are arriving too quickly.  Please retry later.",
}


def invalid(errors: list[str]) -> dict[str, Any]:
    """Return the body of PagerDuty's answer to an event with these faults."""
    return {"status": "invalid event", "message": "Event object is invalid", "errors": errors}


class _JSONProvider(DefaultJSONProvider):
    sort_keys = False

    @staticmethod
    def default(value: Any) -> Any:
        """Serialise times as ISO 8601."""
        if isinstance(value, datetime):
            return value.isoformat()
        return DefaultJSONProvider.default(value)


def create_app(
    store: Store,
    script: faults.Script,
    limit: RateLimit,
    streams: Live,
    *,
    clear: Callable[[], None],
    allow_remote: bool,
    ca_file: str | None,
) -> Flask:
    """Build the WSGI application of a sandbox.

    `clear` empties the sandbox; `ca_file` is the certificate that a client has to trust, with https.
    """
    app = Flask(__name__, static_folder=None)
    app.json = _JSONProvider(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    @app.before_request
    def guard_control() -> None:
        # DNS rebinding: a page of another site must not reach us by a name that its owner points at this
        # machine. Programs that send events may use any name, such as PagerDuty's own.
        host = request.headers.get("Host", "")
        by_a_browser = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
        needs_our_name = by_a_browser or not request.path.startswith("/v2/")
        if needs_our_name and not allow_remote and not is_loopback(_host_name(host)):
            raise Forbidden("This sandbox answers to loopback names only.")
        if request.method not in ("GET", "HEAD") and _comes_from_elsewhere(host):
            raise Forbidden("Another site's page may not change this sandbox.")

    app.register_blueprint(create_inbox(store, streams, ca_file=ca_file))
    app.after_request(protect)

    @app.errorhandler(HTTPException)
    def answer_error(error: HTTPException) -> WSGIResponse | tuple[str, int]:
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            return render_template("error.html", error=error), error.code or 500
        answer = WSGIResponse.force_type(error.get_response())
        answer.data = app.json.dumps({"status": error.name.lower(), "message": error.description})
        answer.content_type = "application/json"
        return answer

    def receive(
        judge: Callable[[dict[str, Any]], list[str]],
        take: Callable[[dict[str, Any]], dict[str, str]],
    ) -> tuple[dict[str, Any], int]:
        try:
            event = rules.read(request.get_data())
        except rules.Unreadable as unreadable:
            return {
                "status": "Unrecognized object",
                "message": "Event object format is unrecognized",
                "errors": unreadable.errors,
            }, 400
        if errors := judge(event):
            return invalid(errors), 400
        if not limit.admits(event["routing_key"]):
            return THROTTLED, 429
        return take(event), 202

    def take_alert_event(event: dict[str, Any]) -> dict[str, str]:
        dedup_key = store.accept(event)
        return {"status": "success", "message": "Event processed", "dedup_key": dedup_key}

    def take_change_event(event: dict[str, Any]) -> dict[str, str]:
        store.accept_change(event)
        return {"status": "success", "message": "Change event processed"}

    @app.post("/v2/enqueue")
    def enqueue() -> tuple[dict[str, Any], int]:
        return receive(rules.alert_event_errors, take_alert_event)

    @app.post("/v2/change/enqueue")
    def enqueue_change() -> tuple[dict[str, Any], int]:
        return receive(rules.change_event_errors, take_change_event)

    @app.get("/openapi.json")
    def describe() -> Response:
        return jsonify(openapi.description())

    @app.get("/api/alerts")
    def alerts() -> Response:
        return jsonify(alerts=[dataclasses.asdict(alert) for alert in store.alerts])

    @app.get("/api/events")
    def events() -> Response:
        return jsonify(accepted=store.accepted, events=[event.body for event in store.events])

    @app.get("/api/changes")
    def changes() -> Response:
        return jsonify(changes=[dataclasses.asdict(change) for change in store.changes])

    @app.delete("/api/events")
    def delete_events() -> tuple[str, int]:
        clear()
        return "", 204

    @app.post("/api/faults")
    def add_fault() -> tuple[dict[str, Any], int]:
        try:
            _script_fault(script, rules.read(request.get_data()))
        except (ValueError, TypeError) as error:
            return {"status": "invalid fault", "message": str(error)}, 400
        return {"status": "success", "message": "Fault scripted"}, 201

    return app


def _script_fault(script: faults.Script, fields: dict[str, Any]) -> None:
    if "share" in fields and "times" in fields:
        raise ValueError("times and share exclude each other")
    if "share" in fields:
        share = fields.pop("share")
        script.set_share(faults.from_json(fields), share)
    else:
        times = faults.whole(fields.pop("times", 1))
        script.add(faults.from_json(fields), times)


def is_loopback(name: str) -> bool:
    """Return whether a host name or address can only mean this machine, for a browser too (RFC 6761)."""
    return name.endswith(".localhost") or address.is_loopback(name)


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port; empty if it is not valid."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _comes_from_elsewhere(host: str) -> bool:
    """Return whether a browser says that the request comes from a page of another site."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return not _same(origin, host)
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def _same(origin: str, host: str) -> bool:
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest == host
