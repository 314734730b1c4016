"""The middleware that reports what leaves an application: once, and whatever else logs it."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations import asgi, wsgi
from pagerduty_logging.record.echoes import REPORTED
from pagerduty_logging.sandbox import Sandbox

ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/orders/7", "QUERY_STRING": "token=hush"}
SCOPE = {"type": "http", "method": "GET", "path": "/orders/7", "query_string": b"token=hush"}
REQUEST = {"method": "GET", "path": "/orders/7", "query_names": "token"}


@pytest.fixture
def handler(make_handler: Callable[..., PagerDutyHandler]) -> Iterator[PagerDutyHandler]:
    made = make_handler()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


def shown(sandbox: Sandbox, handler: PagerDutyHandler) -> list[tuple[str, dict[str, Any]]]:
    assert handler.flush(5)
    return [(alert.summary, alert.custom_details["request"]) for alert in sandbox.alerts]


def broken_wsgi(environ: Any, start_response: Any) -> Any:
    raise LookupError("there is no order 7")


async def broken_asgi(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError("there is no order 7")


def page_of(broken: Any) -> list[tuple[str, dict[str, Any]]]:
    place = f"test_uncaught.{broken.__name__}"
    return [(f"Unhandled exception in {place}: LookupError: there is no order 7", REQUEST)]


def call_wsgi(app: Any) -> None:
    app(dict(ENVIRON), lambda *_: None)


def call_asgi(app: Any) -> None:
    async def nothing(*_: Any) -> Any:
        return {"type": "lifespan.startup"}

    asyncio.run(app(dict(SCOPE), nothing, nothing))


BOTH = pytest.mark.parametrize(
    ("middleware", "broken", "call"),
    [
        (wsgi.PagerDutyMiddleware, broken_wsgi, call_wsgi),
        (asgi.PagerDutyMiddleware, broken_asgi, call_asgi),
    ],
    ids=["wsgi", "asgi"],
)


@BOTH
def test_what_leaves_an_application_is_one_page_though_the_server_logs_it_too(
    sandbox: Sandbox, handler: PagerDutyHandler, middleware: Any, broken: Any, call: Any
) -> None:
    with pytest.raises(LookupError) as raised:
        call(middleware(broken, report=True))
    logging.getLogger("server").error("it went wrong", exc_info=raised.value)
    assert shown(sandbox, handler) == page_of(broken)


@BOTH
def test_two_middlewares_report_once(
    sandbox: Sandbox, handler: PagerDutyHandler, middleware: Any, broken: Any, call: Any
) -> None:
    with pytest.raises(LookupError):
        call(middleware(middleware(broken, report=True), report=True))
    assert shown(sandbox, handler) == page_of(broken)
    assert sandbox.alerts[0].triggers == 1


@BOTH
def test_nothing_is_reported_unless_asked_for(
    sandbox: Sandbox, handler: PagerDutyHandler, middleware: Any, broken: Any, call: Any
) -> None:
    with pytest.raises(LookupError):
        call(middleware(broken))
    assert shown(sandbox, handler) == []
    with pytest.raises(TypeError, match="report"):
        middleware(broken, report="yes")


@BOTH
def test_an_end_that_is_not_a_failure_is_not_reported(
    sandbox: Sandbox, handler: PagerDutyHandler, middleware: Any, broken: Any, call: Any
) -> None:
    def leave(*_: Any) -> None:
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        call(middleware(leave, report=True))
    assert shown(sandbox, handler) == []


def test_an_answer_that_breaks_half_way_is_reported(sandbox: Sandbox, handler: PagerDutyHandler) -> None:
    def half(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b"half"
        raise LookupError("there is no order 7")

    body = wsgi.PagerDutyMiddleware(half, report=True)(dict(ENVIRON), lambda *_: None)  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        list(body)
    assert shown(sandbox, handler) == page_of(half)


def test_a_start_that_fails_is_reported_before_the_server_has_its_text(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    marked = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            raise ConnectionRefusedError("no database")
        except OSError as error:
            await send({"type": "lifespan.startup.failed", "message": "a traceback"})
            marked.append(REPORTED in error.__dict__)
            raise

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(_message: Any) -> None:
        pass

    with pytest.raises(OSError, match="no database"):
        asyncio.run(asgi.PagerDutyMiddleware(app, report=True)({"type": "lifespan"}, receive, send))
    assert handler.flush(5)
    assert marked == [True]
    assert [alert.event_class for alert in sandbox.alerts] == ["ConnectionRefusedError"]


SERVER = """
class LifespanFailureError(Exception): pass
async def send(message): raise LifespanFailureError(message["message"])
"""


def test_the_error_that_a_server_raises_of_a_failed_start_is_not_a_second_page(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    server: dict[str, Any] = {}
    exec(compile(SERVER, "/venv/lib/python3/site-packages/hypercorn/lifespan.py", "exec"), server)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            raise ConnectionRefusedError("no database")
        except OSError:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "a traceback"})

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    with pytest.raises(server["LifespanFailureError"]) as raised:
        asyncio.run(asgi.PagerDutyMiddleware(app, report=True)({"type": "lifespan"}, receive, server["send"]))
    logging.getLogger("server").error("it does not start", exc_info=raised.value)
    assert handler.flush(5)
    assert [alert.event_class for alert in sandbox.alerts] == ["ConnectionRefusedError"]
    assert len(sandbox.events) == 1
