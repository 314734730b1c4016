"""Whatever a program logs, the result is one valid event, soon, and nothing is raised."""

import gc
import itertools
import json
import logging
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging import PagerDutyHandler, Trigger
from pagerduty_logging.events_api.safejson import jsonable
from pagerduty_logging.record.occurrence import capture
from pagerduty_logging.sandbox import Sandbox
from tests.measured import within
from tests.pages import ROUTING_KEY, paging, record, require_openapi, require_valid
from tests.record import hostile

SECONDS = 1.0
"""What one record may cost its caller."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def handler(sandbox: Sandbox) -> Iterator[PagerDutyHandler]:
    handler = PagerDutyHandler(ROUTING_KEY, base_url=sandbox.url, max_events_per_minute=100_000, timeout=60.0)
    yield handler
    handler.flush(5.0)
    handler.close()


Log = Callable[[logging.Logger], object]
OnePage = Callable[[Log], dict[str, Any]]


@pytest.fixture
def page(sandbox: Sandbox, handler: PagerDutyHandler) -> OnePage:
    """Give a function that logs, and returns the one valid event that came of it in good time."""

    def page(log: Log) -> dict[str, Any]:
        sandbox.clear()
        handler._pipeline.forget()  # so many problems of one line would be one, see floods
        logger = logging.Logger(f"hostile.{next(_numbers)}")  # its problems are nobody else's
        logger.addHandler(handler)
        within(SECONDS, lambda: log(logger))
        assert handler.flush(60.0)
        (event,) = sandbox.events
        require_valid(event)
        assert "the record could not be read" not in json.dumps(event)
        assert handler.stats.retries == handler.stats.dead_lettered == 0, handler.stats.last_error
        return event

    return page


_numbers = itertools.count()


def test_the_corpus_is_large() -> None:
    assert len(hostile.ALL) >= 150


def test_events_are_held_against_pagerduty_s_own_schema() -> None:
    require_openapi()


@pytest.mark.parametrize("name", hostile.ALL)
def test_an_object_as_an_argument(page: OnePage, name: str) -> None:
    value = hostile.named(name)
    page(lambda logger: logger.error("cannot %s %s", "handle", value))


@pytest.mark.parametrize("name", hostile.ALL)
def test_an_object_as_the_message(page: OnePage, name: str) -> None:
    value = hostile.named(name)
    page(lambda logger: logger.error(value))


@pytest.mark.parametrize("name", hostile.ALL)
def test_an_object_as_an_extra_and_as_overrides(page: OnePage, name: str) -> None:
    value = hostile.named(name)
    words = ("severity", "links", "images", "custom_details", "class", "timestamp", "summary", "zzz")
    overrides = dict.fromkeys(words, value)
    event = page(lambda logger: logger.error("it broke", extra={"value": value, "pagerduty": overrides}))
    assert "value" in event["payload"]["custom_details"] or "left_out" in event["payload"]["custom_details"]


@pytest.mark.parametrize(
    "name", [*hostile.CONTAINERS, *hostile.EXCEPTIONS, *(name for name in hostile.OBJECTS if name != "none")]
)
def test_an_object_instead_of_overrides(page: OnePage, name: str) -> None:
    value = hostile.named(name)
    event = page(lambda logger: logger.error("it broke", extra={"pagerduty": value}))
    assert event["payload"]["summary"] == "it broke"


@pytest.mark.parametrize("attribute", sorted(set(vars(record())) - {"levelno"}))
@pytest.mark.parametrize(
    "value",
    [None, float("nan"), [1], hostile.Text("x"), hostile.Loud(ValueError())],
    ids=lambda value: type(value).__name__,
)
def test_a_record_made_by_hand_with_a_wrong_attribute(sandbox: Sandbox, attribute: str, value: Any) -> None:
    made = record(**{attribute: value})
    with paging(sandbox) as pager:
        pager.handler.handle(made)
        pager.handler.handle(made)
        for event in pager.events:
            require_valid(event)
        assert len(pager.events) == 1


# What breaks is named


def test_wrong_arguments_are_named_and_shown(page: OnePage) -> None:
    event = page(lambda logger: logger.error("order %d of %d", "seven"))
    assert event["payload"]["summary"].startswith("order %d of %d")
    assert "seven" in event["payload"]["summary"]
    (defect,) = event["payload"]["custom_details"]["defects"]
    assert defect.startswith("the message could not be formatted: TypeError")


def test_too_many_arguments_are_named(page: OnePage) -> None:
    event = page(lambda logger: logger.error("order", 1, 2))
    assert "defects" in event["payload"]["custom_details"]


def test_a_failing_formatter_is_named_and_the_plain_message_shown(sandbox: Sandbox) -> None:
    class Failing(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise RuntimeError("no format")

    with paging(sandbox) as pager:
        pager.handler.setFormatter(Failing())
        pager.logger.error("order %d", 7)
        assert pager.summary == "order 7"
        assert pager.details["defects"] == ["the formatter failed: RuntimeError: no format"]


def test_a_failing_filter_is_named(sandbox: Sandbox) -> None:
    def failing(record: logging.LogRecord) -> bool:
        raise RuntimeError("no answer")

    with paging(sandbox) as pager:
        pager.handler.addFilter(failing)
        pager.logger.error("order %d", 7)
        assert pager.details["defects"] == ["a filter failed: RuntimeError"]


def test_a_failing_fingerprint_is_named(sandbox: Sandbox) -> None:
    def failing(record: logging.LogRecord) -> str:
        raise RuntimeError("no key")

    with paging(sandbox, fingerprint=failing) as pager:
        pager.logger.error("order %d", 7)
        assert pager.details["defects"] == ["fingerprint raised RuntimeError"]


@pytest.mark.parametrize(
    ("result", "defect"),
    [("raise", "before_send raised RuntimeError"), ("text", "before_send returned no Trigger: str")],
)
def test_a_failing_before_send_is_named(sandbox: Sandbox, result: str, defect: str) -> None:
    def failing(trigger: Trigger, record: logging.LogRecord) -> Any:
        if result == "raise":
            raise RuntimeError("no event")
        return result

    with paging(sandbox, before_send=failing) as pager:
        pager.logger.error("order %d", 7)
        assert pager.details["defects"] == [defect]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("place", ["argument", "extra", "exception", "before_send"])
def test_what_ends_a_program_reaches_it_after_the_page_is_safe(
    sandbox: Sandbox, kind: type[BaseException], place: str
) -> None:
    class Fatal(Exception):
        def __str__(self) -> str:
            raise kind

        __repr__ = __str__

    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger:
        raise kind

    options: dict[str, Any] = {"before_send": before_send} if place == "before_send" else {}
    with paging(sandbox, **options) as pager:
        with pytest.raises(kind):
            _log_fatally(pager.logger, place, Fatal())
        assert pager.summary.startswith("order")
        assert kind.__name__ in pager.details["defects"][0]
        pager.logger.error("order %s" if place == "argument" else "order", *[1] * (place == "argument"))
        assert len(pager.events) == 1, "its repeats are repeats"


def _log_fatally(logger: logging.Logger, place: str, fatal: Exception) -> None:
    match place:
        case "argument":
            logger.error("order %s", fatal)
        case "extra":
            logger.error("order", extra={"order": fatal})
        case "exception":
            logger.error("order", exc_info=fatal)
        case _:
            logger.error("order")


# Size and time


def test_a_text_of_a_hundred_megabytes_is_cut(page: OnePage) -> None:
    huge = "x" * 100_000_000
    event = page(lambda logger: logger.error(huge, extra={"huge": huge}))
    assert "more characters" in event["payload"]["custom_details"]["huge"]
    page(lambda logger: logger.error("it broke", exc_info=ValueError(huge)))


def test_a_long_message_is_a_repeat_too_and_is_not_kept(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        message = "it broke " * 1_000
        pager.logger.error(message)
        pager.logger.error(message)
        assert len(pager.events) == 1
        assert sys.getrefcount(message) <= 3


def test_slow_objects_are_not_asked_without_end() -> None:
    asked = 0

    class Slow:
        def __repr__(self) -> str:
            nonlocal asked
            asked += 1
            time.sleep(0.02)
            return "slow"

    shown = jsonable([Slow() for _ in range(500)])
    assert asked * 0.02 < SECONDS  # each takes at least so long, however busy the machine is
    assert isinstance(shown, list)
    assert shown[0] == "slow"
    assert shown[-1] == "(not shown: what came before took too long)"


def test_a_value_that_holds_itself_a_trillion_times_over_is_cut() -> None:
    within(SECONDS, lambda: json.dumps(jsonable(hostile.shared(40))))


def test_a_wide_format_is_cut_afterwards(page: OnePage) -> None:
    event = page(lambda logger: logger.error("%(a)20000000s", {"a": 1}))
    assert len(json.dumps(event)) < 100_000


def test_a_page_comes_through_with_little_memory_and_with_little_stack() -> None:
    program = """
import logging, resource, sys
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import Sandbox
with Sandbox() as sandbox:
    options = {"max_events_per_minute": 10_000, "fingerprint": lambda record: record.msg}
    handler = PagerDutyHandler("a" * 32, base_url=sandbox.url, **options)
    logger = logging.Logger("edge")
    logger.addHandler(handler)
    logger.error("warm up")
    assert handler.flush(5.0)

    class AtTheEdge(Exception):
        def __str__(self):
            return "at the edge"

    def dive(left, number):
        if left:
            return dive(left - 1, number)
        try:
            raise AtTheEdge
        except AtTheEdge:
            record = logging.LogRecord("edge", 40, "edge.py", number, f"edge {number}", (), sys.exc_info())
            try:
                handler.handle(record)
            except RecursionError:
                escaped.append(number)

    escaped = []
    sys.setrecursionlimit(400)
    for number in range(120):
        try:
            dive(400 - 10 - number, number)
        except RecursionError:
            pass
    sys.setrecursionlimit(1000)
    assert handler.flush(10.0)
    logger.error("afterwards")
    assert handler.flush(10.0)
    stats = handler.stats
    assert stats.accepted == stats.delivered + sum(stats.dropped.values()), stats
    texts = str(sandbox.events)
    assert texts.count("'summary': 'edge 1") >= 10, texts
    assert "edge 119" in texts and "afterwards" in texts, stats
    assert not escaped, escaped
    print("stack", len(sandbox.events), stats.dropped, len(escaped))

    with open("/proc/self/statm") as sizes:
        used = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000, resource.RLIM_INFINITY))
    logger.error("as wide as a house: %(a)99999999s", {"a": 1})
    assert handler.flush(10.0)
    print("memory", sandbox.events[-1]["payload"]["summary"])
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "as wide as a house" in done.stdout


# Nothing is kept alive, and nothing changes afterwards


def test_what_is_pending_keeps_no_frame_and_no_object_alive() -> None:
    class Thing:
        pass

    def failing() -> tuple[weakref.ref[Thing], weakref.ref[Thing], Any]:
        local, extra = Thing(), Thing()
        try:
            raise ValueError(local)
        except ValueError as error:
            made = record(
                "order %s", extra, exc_info=(type(error), error, error.__traceback__), extra_thing=extra
            )
            return weakref.ref(local), weakref.ref(extra), capture(made)

    local, extra, snapshot = failing()
    gc.collect()
    assert local() is None
    assert extra() is None
    assert snapshot.chain[0].kind == "ValueError"


def test_an_argument_that_changes_later_is_shown_as_it_was(sandbox: Sandbox) -> None:
    sandbox.clear()
    order = {"state": "open"}
    with paging(sandbox) as pager:
        pager.logger.error("order %s", order, extra={"order": order})
        order["state"] = "closed"
        assert pager.summary == "order {'state': 'open'}"
        assert pager.details["order"] == {"state": "open"}


def test_a_handler_keeps_nothing_of_an_interrupted_record(sandbox: Sandbox) -> None:
    class Thing:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with paging(sandbox) as pager:
        thing = Thing()
        kept = weakref.ref(thing)
        with pytest.raises(KeyboardInterrupt):
            pager.logger.error("order %s", thing)
        del thing
        gc.collect()
        assert kept() is None


# Properties


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None)
@given(json_like)
def test_anything_becomes_strict_json(value: object) -> None:
    text = json.dumps(jsonable(value), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
