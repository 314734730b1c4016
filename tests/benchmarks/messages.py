"""Repeats as people write them today: messages with a fresh value in every call."""

from __future__ import annotations

import itertools
import json
import logging
import logging.handlers
import queue
import uuid
from collections.abc import Callable
from typing import Any

Call = Callable[[], None]
READY = 5_000
"""Records that wait in a queue before they are needed."""


def f_string(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    return lambda: error(f"payment {next(numbers)} failed")


def f_string_with_traceback(logger: logging.Logger) -> Call:
    error, numbers, caught = logger.error, itertools.count(), raised("no such payment")
    return lambda: error(f"payment {next(numbers)} failed", exc_info=caught)


def long_f_string(logger: logging.Logger) -> Call:
    error, numbers, customer = logger.error, itertools.count(), uuid.UUID(int=4711)

    def call() -> None:
        number = next(numbers)
        error(
            f"payment {number} of customer {customer} to shop@example.org could not be made at "
            f"https://bank.example/pay?id={number} after {number / 7:.3f} s, 3 attempts"
        )

    return call


def f_string_at_the_root(logger: logging.Logger) -> Call:
    logger.name = "root"
    error, numbers = logger.error, itertools.count()
    return lambda: error(f"payment {next(numbers)} failed")


def mapping(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    return lambda: error({"event": "payment failed", "order": next(numbers)})


def json_text(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    return lambda: error(json.dumps({"event": "payment failed", "order": next(numbers)}))


def the_error(logger: logging.Logger) -> Call:
    error, caught = logger.error, raised("no such payment")
    return lambda: error(caught)


def fresh_error(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()

    def call() -> None:
        try:
            raise LookupError(f"no payment {next(numbers)}")
        except LookupError as caught:
            error(caught)

    return call


def error_as_argument(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()

    def call() -> None:
        try:
            raise LookupError(f"no payment {next(numbers)}")
        except LookupError as caught:
            error("%s", caught, exc_info=True)

    return call


def overrides(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    return lambda: error("payment %s failed", next(numbers), extra={"pagerduty": {"component": "pay"}})


def wrapped(logger: logging.Logger) -> Call:
    """A line that logs whatever it is given, as helpers do."""
    numbers = itertools.count()

    def report(text: str) -> None:
        logger.error(text)

    def call() -> None:
        number = next(numbers)
        customer = uuid.UUID(int=number * 7919**9)
        report(f"payment {number} of customer {customer} could not be made after {number / 7:.3f} s")

    return call


def evaluated(logger: logging.Logger) -> Call:
    """Code without a file."""
    made: dict[str, Any] = {"error": logger.error, "numbers": itertools.count()}
    exec('def call(): error(f"payment {next(numbers)} failed")', made)
    return made["call"]  # type: ignore[no-any-return]


def with_cause(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    try:
        raise LookupError("no such payment") from KeyError("payment")
    except LookupError as raised:
        caught = raised
    return lambda: error(f"payment {next(numbers)} failed", exc_info=caught)


def handled(logger: logging.Logger) -> Call:
    """What an `except` caught at the end of a template."""
    error, numbers = logger.error, itertools.count()

    def call() -> None:
        try:
            raise LookupError(f"no payment {next(numbers)}")
        except LookupError as caught:
            error("payment failed: %s", caught)

    return call


def wordless(logger: logging.Logger) -> Call:
    """A mapping that has no name for its words."""
    error, numbers = logger.error, itertools.count()
    return lambda: error({"order": next(numbers), "status": "failed"})


def own_key(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    return lambda: error(f"payment {next(numbers)} failed", extra={"pagerduty": {"dedup_key": "payment"}})


def own_severity(logger: logging.Logger) -> Call:
    error, numbers = logger.error, itertools.count()
    return lambda: error("payment %s failed", next(numbers), extra={"pagerduty": {"severity": "warning"}})


def listener_with_traceback(logger: logging.Logger) -> Call:
    caught = raised("no such payment")
    return listener(logger, ready=320, exc_info=caught)


def listener(logger: logging.Logger, ready: int = READY, **more: Any) -> Call:
    """What a queue's listener does for each record, which the queue's handler has formatted."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    front = logging.Logger(logger.name)
    front.addHandler(logging.handlers.QueueHandler(waiting))  # type: ignore[arg-type]
    back = logging.handlers.QueueListener(waiting, *logger.handlers)  # type: ignore[arg-type]
    numbers = itertools.count()

    def call() -> None:
        if waiting.empty():
            for _ in range(ready):
                front.error("payment %s failed", next(numbers), **more)
        back.handle(back.dequeue(True))

    call()
    return call


def by_loguru(logger: logging.Logger) -> Call:
    """What loguru's sink passes on to logging, as its documentation has it."""
    from loguru._logger import Core, Logger

    class Propagating(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logger.handle(record)

    log, numbers = Logger(Core(), None, 0, False, False, False, False, True, [], {}), itertools.count()
    log.add(Propagating(), format="{message}")
    return lambda: log.error("payment {} failed", next(numbers))


def by_structlog(logger: logging.Logger) -> Call:
    """What structlog hands to logging for its `ProcessorFormatter`."""
    import structlog

    log = structlog.wrap_logger(
        logger,
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    numbers = itertools.count()
    return lambda: log.error("payment failed", order=next(numbers))


def raised(words: str) -> BaseException:
    try:
        raise LookupError(words)
    except LookupError as error:
        return error


WORKLOADS: dict[str, Callable[[logging.Logger], Call]] = {
    "f_string": f_string,
    "f_string_traceback": f_string_with_traceback,
    "long_f_string": long_f_string,
    "f_string_root": f_string_at_the_root,
    "mapping": mapping,
    "json": json_text,
    "the_error": the_error,
    "fresh_error": fresh_error,
    "error_argument": error_as_argument,
    "overrides": overrides,
    "listener": listener,
    "loguru": by_loguru,
    "structlog": by_structlog,
}

OTHERWISE: dict[str, Callable[[logging.Logger], Call]] = {
    "wrapped": wrapped,
    "evaluated": evaluated,
    "cause": with_cause,
    "handled": handled,
    "wordless": wordless,
    "own_key": own_key,
    "own_severity": own_severity,
    "listener_traceback": listener_with_traceback,
}
"""The same in other ways, for the gate alone."""
