"""Handlers that know nothing of template strings show their text."""

import io
import logging
import logging.handlers
import queue
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import RenderTemplates
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging
from tests.reliability.programs import run_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "template_strings"
needs_template_strings = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="Python 3.14 and later have template strings"
)


class Unshowable:
    def __format__(self, spec: str) -> str:
        raise ValueError("no")


def template(text: str, **values: object) -> Any:
    """Return the template string with this text; it is syntax that Python 3.13 does not read."""
    return eval(f"t{text!r}", values)


def shown(message: object, *args: object, form: str = "%(message)s", **extra: object) -> str:
    """Return what a handler with the filter writes; None of that may raise into the program."""
    screen = io.StringIO()
    handler = logging.StreamHandler(screen)
    handler.setFormatter(logging.Formatter(form))
    handler.addFilter(RenderTemplates())
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    logger.error(message, *args, extra=extra)
    return screen.getvalue().removesuffix("\n")


@needs_template_strings
@pytest.mark.parametrize(
    "text",
    [
        "disk full on {d}",
        "{d!r}: {n:>6.2f}",
        "{{}} {d}{n}",
        "no value",
        "",
        "{n:{width}}",
        "{d!a:>8}",
        "100% {d}",
    ],
)
def test_a_template_string_reads_as_the_f_string(text: str) -> None:
    values = {"d": "db1 ü", "n": 4.711, "width": 9}
    assert shown(template(text, **values)) == eval(f"f{text!r}", dict(values))


@needs_template_strings
def test_template_strings_are_rendered_in_arguments_in_extra_and_within_each_other() -> None:
    disk = template("disk {d}", d="db1")
    assert shown("%s: %s", "alarm", disk) == "alarm: disk db1"
    assert shown("%(what)s", {"what": disk}) == "disk db1"
    assert shown("x", form="%(where)s", where=disk) == "disk db1"
    assert shown(template("alarm: {disk}", disk=disk)) == "alarm: disk db1"


@needs_template_strings
def test_a_value_that_cannot_be_shown_is_named() -> None:
    assert shown(template("order {order} of {day}", order=Unshowable(), day="today")) == (
        "order <order: ValueError> of today"
    )


@needs_template_strings
def test_other_handlers_get_the_template_itself() -> None:
    message = template("disk full on {d}", d="db1")
    record = logging.LogRecord("shop", logging.ERROR, __file__, 1, message, (), None)
    assert RenderTemplates().filter(record) is not record
    assert record.msg is message


def test_a_record_without_template_strings_is_passed_as_it_is() -> None:
    record = logging.LogRecord("shop", logging.ERROR, __file__, 1, "%s of %d", ("one", 2), None)
    assert RenderTemplates().filter(record) is record
    assert shown("%s of %d", "one", 2) == "one of 2"


@needs_template_strings
def test_values_are_details_and_no_secret_is_shown_wherever_a_template_string_stands(
    sandbox: Sandbox,
) -> None:
    user = template("user {d} with {password}", d="db1", password="hunter2hunter2")

    class Holder:
        def __repr__(self) -> str:
            return f"Holder({user})"

    with paging(sandbox) as pager:
        given = queue.Queue[logging.LogRecord]()
        queued = logging.Logger("app.queued")
        queued.addHandler(logging.handlers.QueueHandler(given))
        listener = logging.handlers.QueueListener(given, pager.handler)
        listener.start()
        for logger in (pager.logger, queued):
            logger.error("argument %s", user)
            logger.error("list %s", [user])
            logger.error("deep %s", {"a": [{"b": user}]})
            logger.error("holder %s", Holder())
            logger.error({"event": "data", "said": user})
            logger.error("extra", extra={"said": user, "many": [user]})
        listener.stop()
        events = pager.events
    assert len(events) == 12
    assert "hunter2" not in str(events)
    assert "interpolations" not in str(events)
    assert {event["payload"]["custom_details"].get("d") for event in events} == {"db1"}


@needs_template_strings
def test_the_example_shows_texts(sandbox: Sandbox) -> None:
    ended = run_file(EXAMPLE / "shop.py", sandbox.url)
    assert ended.status == 0
    assert ended.err.splitlines() == [
        "ERROR:shop.orders:cannot ship order 17",
        "CRITICAL:shop.orders:disk full on db1",
        "ERROR:shop.orders:cannot ship order 18",
        "CRITICAL:shop.orders:disk full on db2",
    ]


def test_the_page_shows_the_example() -> None:
    block = re.search(r"```py\n(.+?)```", (EXAMPLE / "README.md").read_text("utf-8"), re.DOTALL)
    assert block is not None
    assert (EXAMPLE / "shop.py").read_text("utf-8").endswith(block[1])
