"""The sandbox's HTTP interface in OpenAPI 3.1: PagerDuty's own two operations, and the control API.

Stricter than PagerDuty's own description: an event is answered with 202 if and only if it is valid here
(except for nesting, size and the rate limit).
"""

from typing import Any

from pagerduty_logging._version import __version__
from pagerduty_logging.sandbox import faults, rules

_BLANK = r"^[\s\x1c-\x1f]*$"
_NOT_BLANK = r"[^\s\x1c-\x1f]"
_HEADER = r"^[ -~]*$"

Schema = dict[str, Any]


def description() -> Schema:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pagerduty-logging sandbox",
            "version": __version__,
            "summary": "A local stand-in for PagerDuty's Events API v2",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/v2/enqueue": {
                "post": _enqueue("Trigger, acknowledge or resolve an alert", "Event", "Accepted")
            },
            "/v2/change/enqueue": {
                "post": _enqueue("Record a change, such as a deploy", "Change", "ChangeAccepted")
            },
            "/api/alerts": {
                "get": _reading("The alerts, most recently opened first", {"alerts": _list(_ref("Alert"))})
            },
            "/api/changes": {
                "get": _reading("The change events, newest first", {"changes": _list(_ref("ChangeEvent"))})
            },
            "/api/events": {
                "get": _reading(
                    "The bodies of all accepted events, in order of arrival",
                    {"accepted": {"type": "integer", "minimum": 0}, "events": _list({"type": "object"})},
                ),
                "delete": {
                    "summary": "Delete events, alerts and requests, reset the rate limit, remove all faults",
                    "responses": {"204": {"description": "Forgotten"}, "403": _answer("Refused", "Problem")},
                },
            },
            "/api/faults": {
                "post": {
                    "summary": "Let the next requests to /v2/ fail, or a share of all",
                    "requestBody": _body(_ref("Fault")),
                    "responses": {
                        "201": _answer("It will fail", "Problem"),
                        "400": _answer("There is no such fault, or a field of it is wrong", "Problem"),
                        "403": _answer("The request came from a page of another site", "Problem"),
                    },
                }
            },
        },
        "components": {"schemas": {**_requests(), **_answers()}},
    }


def _enqueue(summary: str, request: str, answer: str) -> Schema:
    return {
        "summary": summary,
        "requestBody": _body(_ref(request)),
        "responses": {
            "202": _answer("Accepted", answer),
            "400": _answer("Refused; the answer names every fault of the event", "Refusal"),
            "429": _answer("Over the rate limit of the routing key", "Problem"),
        },
    }


def _reading(summary: str, properties: Schema) -> Schema:
    held = _object(properties)
    return {
        "summary": summary,
        "responses": {
            "200": {
                "description": "What the sandbox has",
                "content": {"application/json": {"schema": held}},
            },
            "403": _answer("The Host header does not name this machine", "Problem"),
        },
    }


def _requests() -> Schema:
    links = {"href": _not_blank(), "text": _text(), "src": _text(), "alt": _text()}
    images = {"src": _not_blank(), "href": _text(), "text": _text(), "alt": _text()}
    files = {"component": _text(), "group": _text(), "class": _text()}
    optional = {"timestamp": _or_null(_ref("Time")), "custom_details": _or_null({"type": "object"})}
    summary = {**_not_blank(), "maxLength": rules.MAX_SUMMARY_CHARS}
    key = {**_not_blank(), "maxLength": rules.MAX_DEDUP_KEY_CHARS}
    length = {"minLength": rules.ROUTING_KEY_CHARS, "maxLength": rules.ROUTING_KEY_CHARS}
    return {
        "RoutingKey": {"type": "string", **length, "pattern": "^[0-9A-Za-z]+$"},
        "Time": {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": _BLANK}],
            "description": "A blank one counts as none.",
        },
        "Event": {"oneOf": [_ref("Trigger"), _ref("FollowUp")]},
        "Trigger": _object(
            {
                "routing_key": _ref("RoutingKey"),
                "event_action": {"const": "trigger"},
                "payload": _object(
                    {
                        "summary": summary,
                        "source": _not_blank(),
                        "severity": {"enum": list(rules.SEVERITIES)},
                    },
                    {**files, **optional},
                ),
            },
            {
                "dedup_key": {**_text(), "maxLength": rules.MAX_DEDUP_KEY_CHARS},
                "client": _text(),
                "client_url": _text(),
                "links": _or_null(_list(_object({"href": links.pop("href")}, links))),
                "images": _or_null(_list(_object({"src": images.pop("src")}, images))),
            },
        ),
        "FollowUp": _object(
            {
                "routing_key": _ref("RoutingKey"),
                "event_action": {"enum": ["acknowledge", "resolve"]},
                "dedup_key": key,
            }
        ),
        "Change": _object(
            {
                "routing_key": {
                    "type": "string",
                    **length,
                    "pattern": "^[0-9A-QS-Za-z][0-9A-Za-z]+$",
                    "description": "One that begins with R is a ruleset's, which takes no changes.",
                },
                "payload": _object({"summary": summary}, {"source": _text(), **files, **optional}),
            },
            {"links": _or_null(_list(_object({"href": _not_blank()}, links)))},
        ),
        "Fault": _fault(
            {
                "times": {"type": "integer", "minimum": 1, "maximum": faults.MAX_TIMES, "default": 1},
                "share": {"type": "number", "minimum": 0, "maximum": 1},
            }
        ),
        "FaultThen": _fault({}),
    }


def _fault(when: Schema) -> Schema:
    seconds = {"type": "number", "minimum": 0, "maximum": faults.MAX_SECONDS}
    header = {"type": "string", "pattern": _HEADER}

    def one(name: str, required: Schema, optional: Schema) -> Schema:
        called = {"fault": {"const": name}}
        fields = (
            (required, {**called, **optional}) if name == "answer" else ({**called, **required}, optional)
        )
        fault = {**_object(fields[0], {**fields[1], **when}), "additionalProperties": False}
        return {**fault, "not": {"required": ["times", "share"]}} if when else fault

    return {
        "oneOf": [
            one(
                "answer",
                {"status": {"type": "integer", "minimum": 200, "maximum": 599}},
                {
                    "retry_after": {"anyOf": [header, {"type": "number"}, {"type": "null"}]},
                    "body": _text(),
                    "content_type": header,
                },
            ),
            one(
                "redirect",
                {"status": {"type": "integer", "minimum": 300, "maximum": 399}, "location": header},
                {},
            ),
            one("delay", {"seconds": seconds}, {"then": _or_null(_ref("FaultThen"))}),
            one("hang", {}, {}),
            one("reset", {}, {"after_accepting": {"type": "boolean"}}),
            one("garbage", {}, {}),
            one("drip", {"seconds": seconds}, {}),
            one("endless", {}, {}),
        ]
    }


def _answers() -> Schema:
    status, message, time = {"type": "string"}, {"type": "string"}, {"type": "string", "format": "date-time"}
    number, count = {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}
    item = _list({"type": "object"})
    return {
        "Accepted": _object(
            {"status": {"const": "success"}, "message": message, "dedup_key": {"type": "string"}}
        ),
        "ChangeAccepted": _object({"status": {"const": "success"}, "message": message}),
        "Refusal": _object({"status": status, "message": message, "errors": _list({"type": "string"})}),
        "Problem": _object({"status": status, "message": message}),
        "Alert": _object(
            {
                "number": number,
                "routing_key": _ref("RoutingKey"),
                "dedup_key": {"type": "string"},
                "state": {"enum": ["triggered", "acknowledged", "resolved"]},
                "summary": {"type": "string"},
                "severity": {"enum": list(rules.SEVERITIES)},
                "source": {"type": "string"},
                **dict.fromkeys(("component", "group", "event_class", "client", "client_url"), _text()),
                "custom_details": {"type": "object"},
                "links": item,
                "images": item,
                "first_seen": time,
                "last_seen": time,
                "triggers": count,
                "history": _list(
                    _object(
                        {
                            "at": time,
                            "action": {"enum": list(rules.ACTIONS)},
                            "summary": _text(),
                            "severity": _text(),
                            "why": _text(),
                            "by_hand": {"type": "boolean"},
                        }
                    )
                ),
            }
        ),
        "ChangeEvent": _object(
            {
                "number": number,
                "routing_key": _ref("RoutingKey"),
                "summary": {"type": "string"},
                "source": _text(),
                "timestamp": _text(),
                "custom_details": {"type": "object"},
                "links": item,
                "at": time,
            }
        ),
    }


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _text() -> Schema:
    return {"type": ["string", "null"]}


def _not_blank() -> Schema:
    return {"type": "string", "pattern": _NOT_BLANK}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(schema: Schema) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answer(words: str, schema: str) -> Schema:
    return {"description": words, "content": {"application/json": {"schema": _ref(schema)}}}
