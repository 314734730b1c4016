"""Template strings read as f-strings do, wherever an event shows one."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pagerduty_logging.events_api.safejson import jsonable, text
from pagerduty_logging.events_api.template_text import is_template, values_of
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="Python 3.14 and later have template strings"
)


def template(words: str, **values: object) -> Any:
    """Return the template string with these words; it is syntax that Python 3.13 does not read."""
    return eval(f"t{words!r}", values) if sys.version_info >= (3, 14) else None


WORDS = ["disk full on {d}", "{d!r}: {n:>6.2f}", "{{}} {d}{n}", "no value", "", "{n:{width}}", "{d!a:>8}"]


@pytest.mark.parametrize("words", WORDS)
def test_a_template_string_is_shown_as_the_f_string(words: str) -> None:
    values = {"d": "db1 ü", "n": 4.711, "width": 9}
    made = template(words, **values)
    assert is_template(made)
    assert text(made) == eval(f"f{words!r}", dict(values))
    assert jsonable({"a": [made]}) == {"a": [text(made)]}


def test_templates_inside_a_template_are_part_of_its_text_and_values() -> None:
    made = template("order {number}: {why}", number=7, why=template("no {fruit} left", fruit="pears"))
    assert text(made) == "order 7: no pears left"
    assert values_of(made) == {"number": 7, "fruit": "pears"}


def test_a_value_that_cannot_be_shown_leaves_the_rest() -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError("no")

    assert text(template("order {it} of {d}", it=Broken(), d="db1")).endswith("of db1")


SECRET = template("on {d} with {password}", d="db1", password="hunter2-x")


@pytest.mark.parametrize(
    ("message", "args", "extra", "summary"),
    [
        (SECRET, (), {}, "on db1 with [redacted]"),
        ("lost %s", (SECRET,), {}, "lost on db1 with [redacted]"),
        ("lost %(what)s", ({"what": SECRET},), {}, "lost on db1 with [redacted]"),
        ("lost %r of %d", (SECRET, 7), {}, "lost on db1 with [redacted] of 7"),
        ("lost", (), {"what": SECRET}, "lost"),
    ],
)
def test_values_are_details_and_a_secret_among_them_is_shown_nowhere(
    sandbox: Sandbox, message: Any, args: Any, extra: dict[str, Any], summary: str
) -> None:
    with paging(sandbox) as pager:
        pager.logger.error(message, *args, extra=extra)
        assert pager.summary == summary
        assert pager.details["d"] == "db1"
        assert pager.details["password"] == "[redacted]"
        assert "hunter2" not in str(pager.event)
        assert "Interpolation" not in str(pager.event)


def test_a_template_string_in_a_container_is_text_too(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("lost %s", [template("disk on {d}", d="db1"), 7])
        assert pager.summary == "lost [disk on db1, 7]"


def test_an_exception_that_holds_a_template_string_says_its_text(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("failed", exc_info=ValueError(template("disk full on {d}", d="db1")))
        assert pager.summary == "failed: ValueError: disk full on db1"
