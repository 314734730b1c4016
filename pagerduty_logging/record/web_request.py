"""The web request behind a record, as plain details: method, path, view, user id, status.

Requests are recognised by their shape, without importing a framework: Django's, which its loggers pass as
`extra` (and Werkzeug's and Starlette's, if a program does the same); a WSGI environ or an ASGI scope, which
the middleware of `integrations` sets while the request is handled.

Of the query only the names are shown: any value may be a secret or personal data. Of the user only the
id is shown, and only if it is loaded already: nothing here queries a database.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from pagerduty_logging.events_api.safejson import truncated
from pagerduty_logging.record.places import looks_like_library

MAX_PATH_CHARS = 1_000
MAX_QUERY_CHARS = 5_000
MAX_QUERY_NAMES = 30

_ON_EXCEPTIONS = "__pagerduty_logging_request__"
_NO_NAME = re.compile(r"\d+|[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
"""User ids that are texts: a number or a UUID reveals nothing about the user, anything else may be a name."""

_SERVERS = frozenset(
    {"gunicorn.error", "sanic.error", "tornado.access", "tornado.application", "tornado.general"}
)
"""Loggers that put the whole URI of a request into their text, with the query."""
_QUERY = re.compile(r"\?([^\s'\"]*)")
_QUERY_OF_ADDRESS = re.compile(r"(?<![^\s'\"(<=])((?:https?:/)?/[^\s'\"?]*)\?([^\s'\"]*=[^\s'\"]*)")
"""A path or an address with a query, as in other libraries' lines."""

_handled: ContextVar[Mapping[str, Any] | None] = ContextVar("pagerduty_logging_request", default=None)


class Handling:
    """`with Handling(request):` what is logged inside is shown with this request.

    An exception that leaves the block keeps the details: servers log it after the request is over.

    Args:
        request: a WSGI environ or an ASGI scope, read only when a page is made.
    """

    __slots__ = ("_request", "_token")

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._request = request
        self._token: Token[Mapping[str, Any] | None] | None = None

    def __enter__(self) -> None:
        self._token = _handled.set(self._request)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            with suppress(ValueError):  # an abandoned coroutine may end in another context
                _handled.reset(self._token)
        # SystemExit too: gunicorn raises it in a request that takes too long, and logs it.
        if error is not None and not isinstance(error, (StopIteration, GeneratorExit)):
            with suppress(Exception):  # a type may do anything to its attributes
                error.__dict__[_ON_EXCEPTIONS] = _of_handled(self._request)


def handled_here(error: BaseException | None, args: object = None) -> dict[str, object]:
    """Return the details of the request that `error` came out of, or of the one that is being handled now.

    Args:
        error: what the record is about.
        args: the record's arguments; in Tornado's records one of them is the request.
    """
    try:
        request = _handled.get()
        found = {} if request is None and error is None else _of_handled(request, error)
        return found or _of_tornado(args) or _of_sanic()
    except Exception:  # a proxy for a request may raise anything
        return {}


def shown_in(fields: dict[object, object], handled: dict[str, object]) -> dict[object, object]:
    """Return a record's fields, with its request, if there is one, as plain details.

    Args:
        fields: what the program passed as `extra`; a `request` of unknown shape stays as it is.
        handled: the details of the request that was handled when the record was logged.
    """
    given = fields.get("request")
    try:
        details = handled if given is None else _of_object(given)
    except Exception:  # as above
        details = {}
    if not details:
        return fields
    shown = {**fields, "request": details}
    if given is not None and type(shown.get("status_code")) is int:
        details["status"] = shown.pop("status_code")
    return shown


def without_values(message: str, logger: object, path: object) -> str:
    """Return a message with only the names of a query that a server or another library logs.

    Args:
        message: as formatted.
        logger, path: who logged it, and in which file.
    """
    if "?" not in message:
        return message
    if logger in _SERVERS:
        return _QUERY.sub(lambda found: "?" + "&".join(_names_in(found[1])), message)
    if type(path) is str and looks_like_library(path):
        return _QUERY_OF_ADDRESS.sub(lambda found: f"{found[1]}?{'&'.join(_names_in(found[2]))}", message)
    return message


def view_of(request: object) -> str:
    """Return the dotted name of the view that serves a Django request; "" if that is not known."""
    try:
        return _view(vars(request).get("resolver_match"))
    except Exception:
        return ""


def _of_handled(request: Mapping[str, Any] | None, error: BaseException | None = None) -> dict[str, object]:
    noted = None if error is None else error.__dict__.get(_ON_EXCEPTIONS)
    if isinstance(noted, dict):
        return dict(noted)
    if request is None:
        return {}
    return _of_scope(request) if "type" in request else _of_environ(request)


def _of_tornado(args: object) -> dict[str, object]:
    tornado = sys.modules.get("tornado.httputil")
    if tornado is None or not isinstance(args, tuple):
        return {}
    found = next((given for given in args if type(given) is tornado.HTTPServerRequest), None)
    return {} if found is None else _shown(method=found.method, path=found.path, query=found.query)


def _of_sanic() -> dict[str, object]:
    """Return the details of the request that Sanic is handling, which it keeps in a context variable."""
    sanic = sys.modules.get("sanic.request")
    if sanic is None:
        return {}
    try:
        found = sanic.Request.get_current()
    except Exception:  # there is none
        return {}
    return _shown(
        method=found.method,
        path=found.path,
        query=found.query_string,
        route=f"/{found.route.path}" if found.route is not None else None,
        view=found.endpoint,
    )


def _of_object(request: object) -> dict[str, object]:
    """Return the details of a framework's request; {} for anything else."""
    attributes = vars(request)
    if "_request" in attributes:  # REST framework's, around Django's
        attributes = vars(attributes["_request"])
    if isinstance(attributes.get("META"), dict):
        return _of_django(attributes)
    if isinstance(attributes.get("environ"), dict):
        return _of_environ(attributes["environ"])
    if isinstance(attributes.get("scope"), dict):
        return _of_scope(attributes["scope"])
    return {}


def _of_django(attributes: Mapping[str, Any]) -> dict[str, object]:
    match = attributes.get("resolver_match")
    return _shown(
        method=attributes.get("method"),
        path=attributes.get("path"),
        query=attributes["META"].get("QUERY_STRING"),
        route=getattr(match, "route", None),
        view=_view(match),
        user_id=_user_id(attributes),
    )


def _of_environ(environ: Mapping[str, Any]) -> dict[str, object]:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return _shown(
        method=environ.get("REQUEST_METHOD"),
        path=path.encode("latin-1", "replace").decode("utf-8", "replace"),
        query=environ.get("QUERY_STRING"),
        route=getattr(rule, "rule", None),
        view=getattr(rule, "endpoint", None),
    )


def _of_scope(scope: Mapping[str, Any]) -> dict[str, object]:
    endpoint = scope.get("endpoint")
    name = getattr(endpoint, "__qualname__", None)
    return _shown(
        method="WEBSOCKET" if scope["type"] == "websocket" else scope.get("method"),
        path=scope.get("path"),
        query=bytes(scope.get("query_string") or b"").decode("latin-1"),
        route=getattr(scope.get("route"), "path", None),
        view=f"{endpoint.__module__}.{name}" if endpoint is not None and name else None,
    )


def _shown(
    *, method: object, path: object, query: object, user_id: int | str | None = None, **more: object
) -> dict[str, object]:
    if not (isinstance(method, str) and isinstance(path, str)):
        return {}
    known: dict[str, object] = {
        "method": method,
        "path": truncated(path, MAX_PATH_CHARS),
        "query_names": _query_names(query),
    }
    known |= {name: str(value) for name, value in more.items() if value}
    if user_id is not None:
        known["user_id"] = user_id
    return {name: value for name, value in known.items() if value != ""}


def _query_names(query: object) -> str:
    return ", ".join(_names_in(query)) if isinstance(query, str) else ""


def _names_in(query: str) -> list[str]:
    parts = query[:MAX_QUERY_CHARS].split("&")
    # A part without "=" is a value without a name.
    names = dict.fromkeys(unquote_plus(part.partition("=")[0]) for part in parts if "=" in part)
    return list(names)[:MAX_QUERY_NAMES]


def _view(match: object) -> str:
    return str(getattr(match, "_func_path", "") or getattr(match, "view_name", ""))


def _user_id(attributes: Mapping[str, Any]) -> int | str | None:
    """Return the id of a Django request's user, if the user or the session is loaded."""
    try:
        for name in ("_cached_user", "_acached_user", "user"):
            found = _harmless(_primary_key(attributes.get(name)))
            if found is not None:
                return found
        session = vars(attributes["session"]).get("_session_cache", {})
        return _harmless(session.get("_auth_user_id"))
    except Exception:  # no session, or users of the application's own class
        return None


def _primary_key(user: object) -> object:
    if user is None:
        return None
    own = object.__getattribute__(user, "__dict__")  # a lazy object would load to answer in any other way
    return getattr(own.get("_wrapped", user), "pk", None)


def _harmless(user_id: object) -> int | str | None:
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        return int(user_id)
    if isinstance(user_id, UUID) or (isinstance(user_id, str) and _NO_NAME.fullmatch(user_id)):
        return str(user_id)
    return None
