"""The web request behind a record, as the page shows it: by shape, without a framework."""

import asyncio
import contextvars
import io
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest

from pagerduty_logging import BreadcrumbHandler
from pagerduty_logging.integrations import asgi, wsgi
from pagerduty_logging.record.web_request import handled_here, without_values
from pagerduty_logging.sandbox import Sandbox
from tests.pages import Pager, paging


@pytest.fixture(scope="module")
def pagerduty() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def pager(pagerduty: Sandbox) -> Iterator[Pager]:
    with paging(pagerduty) as pager:
        yield pager


# --- Django's requests, as its loggers hand them over -------------------------------------------------


class DjangoLike:
    """What the details need of Django's HttpRequest."""

    def __init__(self, query: str = "", **attributes: Any) -> None:
        self.META = {"QUERY_STRING": query, "HTTP_COOKIE": "sessionid=hush"}
        self.method = "POST"
        self.path = "/orders/7/"
        self.__dict__.update(attributes)


class Match:
    _func_path = "shop.views.pay"
    route = "orders/<int:order>/"


class User:
    username = "ada"
    email = "ada@example.com"

    def __init__(self, pk: object) -> None:
        self.pk = pk


class Lazy:
    """Django's lazy object: whatever is asked of it, it loads, but for its own dictionary."""

    def __init__(self, wrapped: object) -> None:
        self.__dict__["_wrapped"] = wrapped

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} would have queried the database")

    def __bool__(self) -> bool:
        raise AssertionError("its truth would have queried the database")


class Session:
    def __init__(self, **loaded: object) -> None:
        self.__dict__.update(loaded)

    def get(self, name: str) -> Any:
        raise AssertionError(f"{name} would have queried the database")


def details_with(pager: Pager, **extra: Any) -> dict[str, Any]:
    pager.logger.error("it broke", extra=extra)
    return pager.details


def test_a_django_request_is_shown_in_its_details(pager: Pager):
    request = DjangoLike("page=2&token=hush&hush", resolver_match=Match(), user=User(42))
    details = details_with(pager, request=request, status_code=500)
    assert details["request"] == {
        "method": "POST",
        "path": "/orders/7/",
        "query_names": "page, token",
        "route": "orders/<int:order>/",
        "view": "shop.views.pay",
        "user_id": 42,
        "status": 500,
    }
    assert "status_code" not in details
    assert "hush" not in str(details)


def test_a_request_without_view_user_and_query_says_what_it_knows(pager: Pager):
    assert details_with(pager, request=DjangoLike())["request"] == {"method": "POST", "path": "/orders/7/"}


def test_a_request_in_a_wrapper_of_rest_frameworks_kind_is_shown_too(pager: Pager):
    class Wrapper:
        def __init__(self) -> None:
            self.__dict__["_request"] = DjangoLike()

    assert details_with(pager, request=Wrapper())["request"]["path"] == "/orders/7/"


@pytest.mark.parametrize("user_id", [7, "7", "9f0c2a8e-8a52-4a6e-9a0e-0d7c0e3f1b11"])
def test_the_users_id_is_shown_and_nothing_else_of_the_user(pager: Pager, user_id: object):
    request = DjangoLike(user=User(UUID(user_id) if len(str(user_id)) > 1 else user_id))
    details = details_with(pager, request=request)
    assert details["request"]["user_id"] == user_id
    assert "ada" not in str(details)


@pytest.mark.parametrize("key", ["ada", "ada@example.com", None, True])
def test_an_id_that_is_a_name_or_an_address_is_not_shown(pager: Pager, key: object):
    assert "user_id" not in details_with(pager, request=DjangoLike(user=User(key)))["request"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"user": Lazy(object())},
        {"user": Lazy(object()), "session": Session()},
        {"user": Lazy(None), "session": Session(_session_cache={})},
        {"session": None},
    ],
    ids=["user", "user and session", "anonymous", "no session"],
)
def test_a_user_who_is_not_loaded_is_not_loaded_for_a_page(pager: Pager, attributes: dict[str, Any]):
    assert "user_id" not in details_with(pager, request=DjangoLike(**attributes))["request"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"user": Lazy(User(42))},
        {"user": Lazy(object()), "_cached_user": User(42)},
        {"user": Lazy(object()), "_acached_user": User(42)},
    ],
    ids=["lazy object", "cache", "asynchronous cache"],
)
def test_a_user_who_is_loaded_is_shown(pager: Pager, attributes: dict[str, Any]):
    assert details_with(pager, request=DjangoLike(**attributes))["request"]["user_id"] == 42


def test_a_loaded_session_gives_the_user_id_if_the_user_is_not_loaded(pager: Pager):
    session = Session(_session_cache={"_auth_user_id": "42", "cart": "hush"})
    details = details_with(pager, request=DjangoLike(user=Lazy(object()), session=session))
    assert details["request"]["user_id"] == "42"
    assert "hush" not in str(details)


def test_a_request_that_is_not_ours_is_left_as_it_is(pager: Pager):
    assert details_with(pager, request={"method": "GET", "id": 3}, status_code=7)["request"] == {
        "method": "GET",
        "id": 3,
    }
    assert pager.details["status_code"] == 7


def test_a_request_that_breaks_when_it_is_looked_at_costs_no_page(pager: Pager):
    class Broken:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise RuntimeError("working outside of request context")

    assert "Broken" in details_with(pager, request=Broken())["request"]


def test_djangos_development_server_reports_no_failure_twice(pagerduty: Sandbox):
    with paging(pagerduty) as pager:
        for name in ("django.server", "django.request"):
            logger = logging.Logger(name)
            logger.addHandler(pager.handler)
            logger.error('"%s" %s %s', "GET / HTTP/1.1", "500", "145", extra={"status_code": 500})
        assert pager.payload["component"] == "django.request"


# --- the middleware for WSGI --------------------------------------------------------------------------


def environ(**more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "PATH_INFO": "/caf\u00c3\u00a9/",
        "QUERY_STRING": "code=hush",
        "SCRIPT_NAME": "/shop",
    }
    setup_testing_defaults(made)
    return {**made, **more}


def serve(app: Any, given: dict[str, Any] | None = None) -> list[bytes]:
    """Serve one request as a server does."""
    body = app(environ() if given is None else given, lambda status, headers, exc_info=None: lambda _: None)
    try:
        return list(body)
    finally:
        if hasattr(body, "close"):
            body.close()


SHOWN = {"method": "GET", "path": "/shop/café/", "query_names": "code"}


def test_what_is_logged_in_a_request_shows_the_request(pager: Pager):
    def app(environ: Any, start_response: Any) -> list[bytes]:
        pager.logger.error("it broke", extra={"order": 7})
        return [b"ok"]

    assert serve(wsgi.PagerDutyMiddleware(app)) == [b"ok"]
    assert pager.details["request"] == SHOWN
    assert pager.details["order"] == 7


@pytest.mark.parametrize("where", ["first", "later", "close"])
def test_what_is_logged_while_an_answer_is_streamed_shows_the_request(pager: Pager, where: str):
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for name in ("first", "later"):
                if where == name:
                    pager.logger.error("it broke")
                yield name.encode()

        def close(self) -> None:
            closed.append(True)
            if where == "close":
                pager.logger.error("it broke")

    assert serve(wsgi.PagerDutyMiddleware(lambda *_: Body())) == [b"first", b"later"]
    assert pager.details["request"] == SHOWN
    assert closed == [True]


def test_a_request_is_named_only_while_its_own_code_runs(pager: Pager):
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    body = iter(wsgi.PagerDutyMiddleware(app)(environ(), lambda *_: None))
    next(body)
    pager.logger.error("the server's own")
    assert "request" not in pager.details


def test_an_answer_may_be_made_in_another_context_than_it_was_begun_in(pager: Pager):
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b"one"
        pager.logger.error("it broke")

    body = iter(wsgi.PagerDutyMiddleware(app)(environ(), lambda *_: None))
    for _ in range(2):
        contextvars.Context().run(next, body, None)
    assert pager.details["request"] == SHOWN


@pytest.mark.parametrize("body", [[b"a"], (b"a",), io.BytesIO(b"a"), FileWrapper(io.BytesIO(b"a"))])
def test_a_finished_answer_reaches_the_server_as_it_is(body: Any):
    given = environ(**{"wsgi.file_wrapper": FileWrapper})
    assert wsgi.PagerDutyMiddleware(lambda *_: body)(given, lambda *_: None) is body


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_exception_carries_its_request_to_the_code_that_logs_it(
    pager: Pager, streamed: bool, kind: type[BaseException]
):
    def fail(environ: Any, start_response: Any) -> list[bytes]:
        raise kind("it broke")

    def fail_later(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b"one"
        raise kind("it broke")

    with pytest.raises(kind, match="it broke") as raised:
        serve(wsgi.PagerDutyMiddleware(fail_later if streamed else fail))
    pager.logger.error("Error handling request", exc_info=raised.value)
    assert pager.details["request"] == SHOWN


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("/orders/7?token=hush&page=2&q=a?b=c", "/orders/7?token&page&q"),
        ("/orders/7?ada@example.com", "/orders/7?"),
        ("/orders/7", "/orders/7"),
    ],
)
def test_of_a_query_in_gunicorns_own_message_the_names_are_shown(pager: Pager, uri: str, shown: str):
    log = logging.Logger("gunicorn.error")
    log.addHandler(pager.handler)
    log.error("Error handling request %s %s", "GET", uri)
    assert pager.summary == f"Error handling request GET {shown}"


def test_each_request_starts_without_breadcrumbs(pager: Pager):
    crumbs = BreadcrumbHandler(level=logging.INFO)
    pager.logger.addHandler(crumbs)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        pager.logger.info("opened %s", environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/two":
            pager.logger.error("it broke")
        return []

    for path in ("/one", "/two"):
        serve(wsgi.PagerDutyMiddleware(app), environ(PATH_INFO=path))
    (crumb,) = pager.details["breadcrumbs"]
    assert crumb.endswith("opened /two")


def test_a_flask_request_has_route_and_endpoint(pager: Pager, attach: Callable[..., logging.Logger]):
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop_in_flask")
    attach(pager.handler, app.logger.name)

    @app.get("/orders/<int:order>")
    def show(order: int) -> str:
        raise ValueError(f"no order {order}")

    app.wsgi_app = wsgi.PagerDutyMiddleware(app.wsgi_app)
    assert app.test_client().get("/orders/7?code=hush").status_code == 500
    assert pager.details["request"] == {
        "method": "GET",
        "path": "/orders/7",
        "query_names": "code",
        "route": "/orders/<int:order>",
        "view": "show",
    }


# --- the middleware for ASGI --------------------------------------------------------------------------


async def show(*_: object) -> None:
    """An endpoint."""


class Route:
    path = "/orders/{order}"


SCOPE = {"type": "http", "method": "GET", "path": "/orders/7", "query_string": b"code=hush"}


def call(app: Any, scope: dict[str, Any]) -> None:
    """Call an application as a server does, in its own task."""

    async def receive() -> dict[str, Any]:
        return {}

    async def send(message: Any) -> None:
        pass

    async def serve() -> None:
        await asyncio.create_task(app(scope, receive, send))

    asyncio.run(serve())


def test_what_is_logged_in_an_asgi_request_shows_it_with_its_route(pager: Pager):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope.update(endpoint=show, route=Route())  # as routers do
        await asyncio.sleep(0)
        pager.logger.error("it broke")

    call(asgi.PagerDutyMiddleware(app), dict(SCOPE))
    assert pager.details["request"] == {
        "method": "GET",
        "path": "/orders/7",
        "query_names": "code",
        "route": "/orders/{order}",
        "view": f"{__name__}.show",
    }


def test_requests_at_the_same_time_are_not_confused(pager: Pager):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        pager.logger.error("%s broke", scope["path"], extra={"pagerduty": {"dedup_key": scope["path"]}})

    async def both() -> None:
        served = asgi.PagerDutyMiddleware(app)
        scopes: Any = [{**SCOPE, "path": path} for path in ("/a", "/b")]
        await asyncio.gather(*(served(scope, None, None) for scope in scopes))  # type: ignore[arg-type]

    asyncio.run(both())
    paths = [event["payload"]["custom_details"]["request"]["path"] for event in pager.events]
    assert sorted(paths) == [
        event["dedup_key"] for event in sorted(pager.events, key=lambda e: e["dedup_key"])
    ]


def test_the_server_that_logs_an_exception_outside_the_request_shows_the_request(pager: Pager):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke") as raised:
        call(asgi.PagerDutyMiddleware(app), dict(SCOPE))
    pager.logger.error("Exception in ASGI application", exc_info=raised.value)
    assert pager.details["request"]["path"] == "/orders/7"


def test_a_websocket_is_shown_with_its_path(pager: Pager):
    seen = []

    async def app(*given: Any) -> None:
        seen.append(given)
        pager.logger.error("it broke")

    scope: Any = {"type": "websocket", "path": "/chat", "query_string": b"token=hush"}
    asyncio.run(asgi.PagerDutyMiddleware(app)(scope, "receive", "send"))  # type: ignore[arg-type]
    assert seen == [(scope, "receive", "send")]
    assert pager.details["request"] == {"method": "WEBSOCKET", "path": "/chat", "query_names": "token"}


def lived(app: Any, pager: Pager) -> list[tuple[str, int]]:
    """Return what an application says of its lifespan, and how many events were pending at each word."""
    told = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.shutdown" if told else "lifespan.startup"}

    async def send(message: Any) -> None:
        told.append((message["type"], pager.handler.stats.pending))

    asyncio.run(asgi.PagerDutyMiddleware(app)({"type": "lifespan"}, receive, send))
    return told


def test_the_shutdown_reaches_the_server_once_all_is_delivered(pager: Pager, pagerduty: Sandbox):
    pagerduty.fail_next(503)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        pager.logger.error("it broke")
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    assert lived(app, pager)[-1] == ("lifespan.shutdown.complete", 0)
    assert pager.summary == "it broke"


def test_an_application_that_knows_no_lifespan_gets_one(pager: Pager):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("only HTTP connections, not lifespan")

    assert lived(app, pager) == [("lifespan.startup.complete", 0), ("lifespan.shutdown.complete", 0)]


def test_an_application_that_fails_to_start_fails_still(pager: Pager):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        lived(app, pager)


def test_a_request_that_is_given_up_leaves_no_trace(pager: Pager):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def give_up() -> None:
        request = asgi.PagerDutyMiddleware(app)(dict(SCOPE), None, None)  # type: ignore[arg-type]
        task = asyncio.create_task(request)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        pager.logger.error("it broke")

    asyncio.run(give_up())
    assert "request" not in pager.details


def test_starlettes_request_as_extra_is_shown_without_its_headers(pager: Pager):
    class Request(dict[str, Any]):
        pass

    request = Request(headers=[(b"cookie", b"hush")])
    request.scope = {**SCOPE, "headers": [(b"cookie", b"hush")]}  # type: ignore[attr-defined]
    details = details_with(pager, request=request)
    assert details["request"] == {"method": "GET", "path": "/orders/7", "query_names": "code"}
    assert "hush" not in str(details)


def test_the_request_among_tornados_arguments_is_shown() -> None:
    httputil = pytest.importorskip("tornado.httputil")
    line = httputil.RequestStartLine("GET", "/orders/7?token=hush", "HTTP/1.1")
    request = httputil.HTTPServerRequest(start_line=line, headers=httputil.HTTPHeaders({"Host": "shop"}))
    shown = handled_here(None, ("GET /orders/7?token=hush (127.0.0.1)", request))
    assert shown == {"method": "GET", "path": "/orders/7", "query_names": "token"}


@pytest.mark.parametrize(
    ("logger", "message", "shown"),
    [
        (
            "tornado.application",
            "Uncaught exception GET /a?token=hush (::1)",
            "Uncaught exception GET /a?token (::1)",
        ),
        (
            "sanic.error",
            "handling uri: 'http://shop/a?token=hush&b=1'",
            "handling uri: 'http://shop/a?token&b'",
        ),
        ("shop", "is this all? token=hush", "is this all? token=hush"),
    ],
)
def test_servers_lines_show_the_names_in_a_query_alone(logger: str, message: str, shown: str) -> None:
    assert without_values(message, logger, "") == shown


IN_A_LIBRARY = "/venv/lib/python3.12/site-packages/server/application.py"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ('failed - "GET /a?customer=7&b=1"', 'failed - "GET /a?customer&b"'),
        ("no answer from https://b.example/pay?card=4711", "no answer from https://b.example/pay?card"),
        ("path=/a?customer=7", "path=/a?customer"),
        ("is this all? token=7", "is this all? token=7"),
        ("cannot parse 'a/b?c'", "cannot parse 'a/b?c'"),
    ],
)
def test_any_librarys_line_shows_the_names_in_the_query_of_an_address_alone(message: str, shown: str) -> None:
    assert without_values(message, "server", IN_A_LIBRARY) == shown
    assert without_values(message, "server", "/srv/shop/views.py") == message
