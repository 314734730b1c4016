"""What most tests stand on: a stand-in for PagerDuty, and handlers that are closed behind them."""

import io
import logging
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pagerduty_logging import PagerDutyHandler, cli
from pagerduty_logging.delivery import delivery, process
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.state import breaker, sqlite
from pagerduty_logging.state import redis as redis_state

# A busy machine is slow now and then; that says nothing of what is tested.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure() -> None:
    """Let programs under test be sent any signal: a shell that starts us in its background ignores some."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAGERDUTY_ROUTING_KEY", "PAGERDUTY_EVENTS_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)  # what programs write is compared


@pytest.fixture
def hurried() -> None:
    """For tests of how long a state is waited for."""


@pytest.fixture(autouse=True)
def _patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a state that is well have its time, and the worker: a busy machine needs more than a moment."""
    monkeypatch.setattr(delivery, "A_MOMENT", 5.0)  # to decide what was logged, before `stats` counts it
    if "hurried" not in request.fixturenames:
        monkeypatch.setattr(breaker, "PATIENCE", 20.0)
        monkeypatch.setattr(sqlite, "PATIENCE", 20.0)
        monkeypatch.setattr(redis_state, "PATIENCE", 20.0)
        monkeypatch.setattr(redis_state, "PATIENCE_IN_BACKGROUND", 20.0)


@pytest.fixture(autouse=True)
def _nothing_left_under_way() -> Iterator[None]:
    """Let no test find in its process what another has left for a server that is gone."""
    yield
    for living in process.all_living():
        worker = living._current if isinstance(living, Delivery) else None
        if worker is not None and not worker.queue.idle:
            worker.queue._with_all_entered(_remove_all, worker.queue)
            worker.close()


def _remove_all(queue: Queue) -> None:
    for pending in list(queue._backlog):
        if pending is not queue.sending:  # the thread that sends it will remove it
            queue._backlog.remove(pending)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A stand-in for PagerDuty, empty."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def make_handler(sandbox: Sandbox) -> Iterator[Callable[..., PagerDutyHandler]]:
    """Makes handlers that page into the sandbox; they are flushed and closed at the end."""
    made: list[PagerDutyHandler] = []

    def make(**options: Any) -> PagerDutyHandler:
        options = {"routing_key": EXAMPLE_ROUTING_KEY, "base_url": sandbox.url, **options}
        made.append(PagerDutyHandler(**options))
        return made[-1]

    yield make
    for handler in made:
        handler.flush(timeout=0.1)
        handler.close()


@pytest.fixture
def attach() -> Iterator[Callable[[logging.Handler], logging.Logger]]:
    """Attaches a handler to a logger that has no other, and takes it off at the end."""
    attached: list[tuple[logging.Logger, logging.Handler]] = []

    def attach(handler: logging.Handler, name: str = "shop") -> logging.Logger:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(handler)
        attached.append((logger, handler))
        return logger

    yield attach
    for logger, handler in attached:
        logger.removeHandler(handler)
        logger.propagate = True


@pytest.fixture
def shop(
    make_handler: Callable[..., PagerDutyHandler],
    attach: Callable[[logging.Handler], logging.Logger],
) -> logging.Logger:
    """A logger whose errors page into the sandbox."""
    return attach(make_handler())


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run of the command ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs the command `pagerduty-logging` in this process."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        try:
            code: Any = cli.main(arguments)
        except SystemExit as ending:
            code = ending.code
        return Ran(code, *capsys.readouterr())

    return run
