"""Functions that run what they were given, and log what fails there: each failure is its own problem."""

import asyncio
import contextlib
import functools
import logging
import queue
from collections.abc import Callable, Iterator

import pytest

from pagerduty_logging.fingerprinting import explain
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging

Log = Callable[..., object]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self._identifier = Identifier(None, str)

    def emit(self, record: logging.LogRecord) -> None:
        self.keys.append(explain(self._identifier.with_handled(record)).key)


kept = Kept()
log = logging.Logger("shop.bus")
log.addHandler(kept)


def divide(number: int) -> float:
    return number / 0


def look_up(number: int) -> str:
    return {}[number]


def wait(number: int) -> None:
    raise TimeoutError(f"no answer after {number} s")


STEPS = (divide, look_up, wait)


def decorated(step: Log) -> Log:
    @functools.wraps(step)
    def wrapper(number: int) -> None:
        try:
            step(number)
        except Exception:
            log.exception("error in %s", step.__name__)

    return wrapper


def by_decorator(step: Log, number: int) -> None:
    decorated(step)(number)


def by_loop(step: Log, number: int) -> None:
    for handler in [step]:
        try:
            handler(number)
        except Exception as error:
            log.error(f"a handler failed: {error}")


def by_partial(step: Log, number: int, run: Callable[[], None] | None = None) -> None:
    run = run or functools.partial(step, number)
    try:
        run()
    except Exception as error:
        log.error("a step failed: %s", error)


COMMANDS = {"divide": divide, "look_up": look_up, "wait": wait}


def by_table(step: Log, number: int) -> None:
    try:
        COMMANDS[step.__name__](number)
    except Exception:
        log.exception("a command failed")


class Middleware:
    def __init__(self, app: Log) -> None:
        self.app = app

    def __call__(self, number: int) -> None:
        try:
            self.app(number)
        except Exception:
            log.exception("a request failed")

    async def guarded(self, number: int) -> None:
        try:
            await coroutine(self.app, number)
        except Exception as error:
            log.error("in the background: %s", error)


def by_middleware(step: Log, number: int) -> None:
    Middleware(step)(number)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("a guarded block failed")


def by_context_manager(step: Log, number: int) -> None:
    with guarded():
        step(number)


async def coroutine(step: Log, number: int) -> None:
    await asyncio.sleep(0)
    step(number)


def by_coroutine(step: Log, number: int) -> None:
    async def watch(work: object) -> None:
        try:
            await work  # type: ignore[misc]
        except Exception:
            log.exception("in the background")

    asyncio.run(watch(coroutine(step, number)))


def by_handler(step: Log, number: int) -> None:
    """As an error handler of a library does, which is given the error."""
    outcome: queue.Queue[object] = queue.Queue()

    def fail() -> None:
        try:
            asyncio.run(coroutine(step, number))
        except Exception as error:
            outcome.put(error)

    fail()
    on_error(outcome.get())


def on_error(error: object) -> None:
    log.error("unhandled: %s", error)


CATCH_ALLS = [
    by_decorator,
    by_loop,
    by_partial,
    by_table,
    by_middleware,
    by_context_manager,
    by_coroutine,
    by_handler,
]


@pytest.mark.parametrize("catch_all", CATCH_ALLS)
def test_each_failure_behind_a_catch_all_is_its_own_problem(catch_all: Callable[[Log, int], None]) -> None:
    kept.keys.clear()
    for step in STEPS:
        for number in (1, 2):
            catch_all(step, number)
    assert len(kept.keys) == 6
    assert len(set(kept.keys)) == 3


def by_name(number: int) -> None:
    try:
        either(number)
    except Exception:
        log.exception("payment %s failed", number)


def by_name_with_words(number: int) -> None:
    try:
        either(number)
    except Exception as error:
        log.error(f"payment {number} failed: {error}")


def by_name_with_arguments(number: int) -> None:
    try:
        either(number)
    except Exception as error:
        log.error("payment %s failed: %s", number, error)


def by_own_function(number: int) -> None:
    def pay() -> None:
        either(number)

    try:
        pay()
    except Exception:
        log.exception("payment %s failed", number)


def by_import(number: int) -> None:
    from json import loads

    try:
        loads("[" * number)
    except Exception:
        log.exception("order %s is no JSON", number)


def by_argument_of_the_library(number: int, read: Callable[[str], object] = int) -> None:
    try:
        read("x" * number)
    except Exception:
        log.exception("order %s is no number", number)


def either(number: int) -> None:
    STEPS[number % 3](number)


@pytest.mark.parametrize(
    "ordinary",
    [
        by_name,
        by_name_with_words,
        by_name_with_arguments,
        by_own_function,
        by_import,
        by_argument_of_the_library,
    ],
)
def test_an_ordinary_except_keeps_its_words(ordinary: Callable[[int], None]) -> None:
    kept.keys.clear()
    for number in range(1, 5):
        ordinary(number)
    assert len(kept.keys) == 4
    assert len(set(kept.keys)) == 1


def test_what_a_module_runs_at_its_top_is_no_value() -> None:
    kept.keys.clear()
    program = (
        "for number in (1, 2, 3):\n"
        "    try:\n        either(number)\n"
        "    except Exception:\n        log.exception('payment failed')\n"
    )
    exec(compile(program, "/srv/shop/pay.py", "exec"), {"either": either, "log": log, "__name__": "pay"})
    assert len(set(kept.keys)) == 1


@pytest.mark.parametrize("catch_all", CATCH_ALLS)
def test_the_handler_makes_the_same_keys_and_no_repeat_hides_another_failure(
    sandbox: Sandbox, catch_all: Callable[[Log, int], None]
) -> None:
    with paging(sandbox) as pager:
        log.addHandler(pager.handler)
        kept.keys.clear()
        try:
            for number in range(1, 4):
                for step in STEPS:
                    catch_all(step, number)
        finally:
            log.removeHandler(pager.handler)
        assert {event["dedup_key"] for event in pager.events} == set(kept.keys)
        assert len(set(kept.keys)) == 3


def test_an_ordinary_failure_of_a_middlewares_own_hides_no_other(sandbox: Sandbox) -> None:
    def check(number: int) -> None:
        raise PermissionError

    def serve(handler: Log, number: int) -> None:
        try:
            if handler is check:
                check(number)
            handler(number)
        except Exception as error:
            log.error("unhandled: %s", error)

    with paging(sandbox) as pager:
        log.addHandler(pager.handler)
        try:
            for step in (check, check, *STEPS, *STEPS):
                serve(step, 1)
                pager.handler.flush(5.0)
        finally:
            log.removeHandler(pager.handler)
        assert len({event["dedup_key"] for event in pager.events}) == 4
