"""The page: what broke, where, since when, how often, in one glance."""

import asyncio
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shop

from pagerduty_logging import Image, Link, Severity
from pagerduty_logging.events_api.events import Trigger, this_host
from pagerduty_logging.page.alert import Fields, compose
from pagerduty_logging.page.deployment import find_environment, find_release
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.record.occurrence import Occurrence, capture
from pagerduty_logging.sandbox import Sandbox
from pagerduty_logging.state.problem import History
from tests.pages import paging, record

GOLDEN = Path(__file__).parent / "page.txt"
WHEN = 1_769_847_300.25  # 2026-01-31T08:15:00.25Z


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def _trigger(made: logging.LogRecord, history: History | None = None, **given: Any) -> Trigger:
    return _of(capture(made), history, **given)


def _of(occurrence: Occurrence, history: History | None = None, **given: Any) -> Trigger:
    return compose(occurrence, "key", history or History(1, 0, occurrence.created), Fields(**given))


def _summary(message: object = "it broke", *args: object, error: BaseException | None = None) -> str:
    return _trigger(record(message, *args, exc_info=(type(error), error, None) if error else None)).summary


def _details(made: logging.LogRecord, **given: Any) -> dict[str, Any]:
    details = _trigger(made, **given).custom_details
    assert isinstance(details, dict)
    return details


# The golden page


def rendered(trigger: Any) -> str:
    """Return a page as PagerDuty shows it: it swallows newlines, and gives a list one row an entry."""
    lines = [f"[{trigger.severity}] {trigger.summary}"]
    for name in ("source", "component", "group", "event_class", "client"):
        if getattr(trigger, name):
            lines.append(f"{name.removeprefix('event_')}: {getattr(trigger, name)}")
    lines += [
        f"link: {link.text or link.href} -> {link.href}" for link in trigger.links if isinstance(link, Link)
    ]
    for name, value in trigger.custom_details.items():
        if isinstance(value, list):
            lines.append(name)
            lines += [f"  | {row}".rstrip() for row in value]
        else:
            lines.append(f"{name}  {' '.join(str(value).split())}")
    return "\n".join(lines) + "\n"


def test_a_page_reads_like_this() -> None:
    error = shop.failed(7)
    made = record(
        "cannot serve %s",
        "/pay",
        exc_info=(type(error), error, error.__traceback__),
        created=WHEN,
        process=4711,
        order_id=7,
        customer={"id": 3, "password": "x"},
        pathname=str(Path(shop.__file__).parent / "views.py"),
    )
    trigger = _trigger(
        made,
        History(312, 311, WHEN - 60, WHEN - 60),
        source="web-1",
        release="2026.1.3",
        environment="production",
        links=(Link("https://logs.example.com/?order={order_id}", "Logs of order {order_id}"),),
    )
    text = (
        rendered(Redactor().event(trigger))
        .replace(this_host(), "web-1")
        .replace(sys.version.split()[0], "3.x.y")
    )
    of_json = re.compile(r"json/|library frames: json")  # differ by Python
    text = "\n".join(line for line in text.splitlines() if not of_json.search(line)) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8")


# Summary


@pytest.mark.parametrize(
    ("message", "error", "summary"),
    [
        ("it broke", None, "it broke"),
        ("\n  first\nsecond", None, "first"),
        ("it broke", ValueError("bad card"), "it broke: ValueError: bad card"),
        ("it broke: bad card", ValueError("bad card"), "it broke: ValueError: bad card"),
        ("bad card, sorry", ValueError("bad card"), "bad card, sorry: ValueError"),
        ("it broke, ValueError", ValueError("bad card"), "it broke, ValueError: bad card"),
        ("it broke (ValueError: bad card)", ValueError("bad card"), "it broke (ValueError: bad card)"),
        ("=====\nit broke", None, "it broke"),
        ("it broke", ValueError("\n-----\n=====\nCell 3 failed\n"), "it broke: ValueError: Cell 3 failed"),
        ("it broke", ValueError("17"), "it broke: ValueError: 17"),
        ("bad card", ValueError("bad card"), "ValueError: bad card"),
        (
            "it broke",
            ValueError("Cannot run:\n  node 'pay'\nat 3"),
            "it broke: ValueError: Cannot run: node 'pay'",
        ),
        ("17\n\nGraphQL request:1:2", KeyError(17), "KeyError: 17"),
        ("cannot pay", ValueError("no"), "cannot pay: ValueError: no"),
        ("cannot serve /v1", ValueError("v1"), "cannot serve /v1: ValueError: v1"),
        ("cannot pay:", ValueError("no"), "cannot pay: ValueError: no"),
        ("", ValueError("bad card"), "ValueError: bad card"),
        ("", ValueError(), "ValueError"),
        ("it broke", ValueError(), "it broke: ValueError"),
        ("it broke", ValueError("bad\ncard"), "it broke: ValueError: bad"),
        ("ValueError again", ValueError(), "ValueError again"),
        ("", None, "ERROR from app.orders, without a message"),
        ("\x1b[31mit\x1b[0m broke\x07", None, "it broke"),
        ("invoice \u202efdp.exe", None, "invoice fdp.exe"),
        (
            "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nKeyError: 'a'",
            None,
            "KeyError: 'a'",
        ),
    ],
)
def test_a_summary_says_what_broke_once(message: str, error: Exception | None, summary: str) -> None:
    assert _summary(message, error=error) == summary


def test_an_exception_as_the_message_is_named() -> None:
    error = ZeroDivisionError("division by zero")
    assert _summary(error, error=error) == "ZeroDivisionError: division by zero"


def test_an_exception_that_is_the_only_argument_is_named() -> None:
    assert _summary("%s", KeyError("price")) == "KeyError: 'price'"
    assert _summary(TimeoutError()) == "TimeoutError"
    assert _trigger(record(TimeoutError())).event_class == "TimeoutError"


def test_there_is_no_exception_where_log_exception_found_none_after_any_handler() -> None:
    made = record("it broke", exc_info=(None, None, None))
    made.exc_text = "NoneType: None"
    trigger = _trigger(made)
    assert trigger.summary == "it broke"
    assert trigger.event_class == "ERROR"
    assert _summary("it broke\nNoneType: None") == "it broke"
    assert "exception" not in _details(made)


def test_of_a_group_the_first_cause_is_named_and_how_many_more_there_are() -> None:
    two = ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("bad card"), KeyError("price")])
    assert _summary(error=two) == "it broke: ValueError: bad card (and 1 more)"
    nested = ExceptionGroup("a", [ExceptionGroup("b", [ValueError("bad card")])])
    assert _summary("", error=nested) == "ValueError: bad card"


def test_a_traceback_in_a_client_s_text_is_marked_and_never_the_class() -> None:
    theirs = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nMemoryError: all of it'
    for made in (
        record("cannot read the request: %s", theirs),
        record("cannot read the request:\n%s", theirs),
        record("cannot read %r", {"body": theirs}),
    ):
        trigger = _trigger(made)
        assert trigger.event_class == "ERROR"
        assert trigger.summary.startswith("cannot read")
        assert "exception" not in _details(made)
    assert _details(record("cannot read: %s", theirs))["exception (as logged)"] == "MemoryError: all of it"


def test_names_of_details_are_cleaned_like_the_summary() -> None:
    name = "\x1b[31muser\u202e\U000e0041\n"
    details = _details(record("it broke", extra={"given": {name: ["\x1b[1mbold", {name: "\u200bx"}]}}))
    assert details["given"] == {"user": ["bold", {"user": "x"}]}
    assert "user" in _details(record("it broke", extra={f"{name.strip()}": 1}))


def test_a_line_by_which_a_library_reports_names_the_applications_function() -> None:
    made = record("Job 7f3a failed", exc_info=_raised_in_the_shop())
    made.pathname = logging.__file__
    assert _trigger(made).summary == "Job 7f3a failed in test_alert._charge: ValueError: no"
    made.msg = "ValueError: no"
    assert _trigger(made).summary == "Error caught in test_alert._charge: ValueError: no"
    ours = record("Job 7f3a failed", exc_info=_raised_in_the_shop())
    assert _trigger(ours).summary == "Job 7f3a failed: ValueError: no"


def test_a_traceback_in_a_library_s_own_words_is_shown_as_its_exception() -> None:
    printed = "".join(traceback.format_exception(*_raised_in_the_shop()))
    made = record(f"[Backend Exception]\n {printed}\n")
    ours = _trigger(made)
    assert (ours.summary, ours.event_class) == ("[Backend Exception]", "ERROR")
    made.pathname = logging.__file__
    shown = _trigger(made)
    assert shown.summary == "[Backend Exception] in test_alert._charge: ValueError: no"
    assert shown.event_class == "ValueError"


def test_what_a_library_made_of_an_exception_is_shown_by_what_it_made_it_of() -> None:
    charged = _raised_in_the_shop()[1]
    wrapper = LookupError("tool failed")
    wrapper.__cause__ = charged
    made = record("Tool 'refund' failed", exc_info=(LookupError, wrapper, None))
    made.pathname = logging.__file__
    assert _trigger(made).summary == "Tool 'refund' failed in test_alert._charge: ValueError: no"
    ours = record("Tool 'refund' failed", exc_info=(LookupError, wrapper, None))
    assert _trigger(ours).summary == "Tool 'refund' failed: LookupError: tool failed"


def test_a_library_s_timeout_is_shown_as_a_timeout() -> None:
    cancelled = asyncio.CancelledError("Cancelled via cancel scope 7f89beff4400")
    cancelled.__traceback__ = _raised_in_the_shop()[2]
    timeout = TimeoutError("after 5 s")
    timeout.__cause__ = cancelled
    made = record("Task failed", exc_info=(TimeoutError, timeout, None))
    made.pathname = logging.__file__
    assert _trigger(made).summary == "Task failed in test_alert._charge: TimeoutError: after 5 s"


def test_an_exception_that_only_says_how_an_object_is_printed_is_shown_by_its_cause() -> None:
    error = LookupError("RetryError[<Future at 0x7f24b6faa950 state=finished raised ValueError>]")
    assert _summary("it broke", error=error).startswith("it broke: LookupError: RetryError[<Future at 0x7f")
    error.__cause__ = ValueError("bad card")
    assert _summary("it broke", error=error) == "it broke: LookupError: ValueError: bad card"
    error.__cause__ = ValueError()
    assert _summary("it broke", error=error) == "it broke: LookupError: ValueError"


class _Job:
    def __str__(self) -> str:
        return "charge(4711, card='c4n4ry')"


def test_a_library_that_reports_a_failed_call_shows_no_arguments() -> None:
    job, item = _Job(), {"card": "c4n4ry", "id": 3}
    for message, args, shown in (
        ("Failed to process %s", (job,), "Failed to process charge(…)"),
        ("Failed: %s", (str(job),), "Failed: charge(…)"),
        ("Error processing %(item)s", ({"item": item},), "Error processing dict of card, id"),
        ("Error in %s of %s", ([item], "orders"), "Error in list of 1 of orders"),
        ("Job %s failed after %d s", ("7f3a", 3), "Job 7f3a failed after 3 s"),
    ):
        made = record(message, *args, exc_info=_raised_in_the_shop(), extra={"job": item, "call": str(job)})
        made.pathname = logging.__file__
        trigger = _trigger(made)
        assert trigger.summary == f"{shown} in test_alert._charge: ValueError: no"
        assert "c4n4ry" not in repr(trigger.custom_details)
    ours = record("Failed to process %s", job, exc_info=_raised_in_the_shop())
    assert "c4n4ry" in _trigger(ours).summary


def _charge() -> None:
    raise ValueError("no")


def _raised_in_the_shop() -> Any:
    try:
        _charge()
    except ValueError:
        return sys.exc_info()


def test_a_long_message_is_cut_with_a_mark_and_leaves_room_for_the_exception() -> None:
    summary = _summary("m" * 5_000, error=ValueError("e" * 5_000))
    assert len(summary) <= 1024
    assert "m…: ValueError: e" in summary
    assert summary.endswith("e…")


def test_a_formatter_is_respected_and_the_record_stays_as_it_was(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
        made = record("order %d", 7, exc_info=(ValueError, ValueError("no"), None))
        before = dict(vars(made))
        pager.handler.handle(made)
        assert pager.summary == "[ERROR] order 7: ValueError: no"
        assert vars(made) == before


def test_the_default_formatter_of_basic_config_is_not_used(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
        pager.logger.error("it broke")
        assert pager.summary == "it broke"


# Fields


def test_the_component_has_no_number_of_the_process() -> None:
    for name in ("[4711] conductor.worker", "conductor.worker.139655653531792"):
        assert _trigger(record(name=name)).component == "conductor.worker"


def test_fields_come_from_the_record() -> None:
    trigger = _trigger(record(created=WHEN))
    assert trigger.component == "app.orders"
    assert trigger.event_class == "ERROR"
    assert trigger.severity is Severity.ERROR
    assert trigger.source == this_host()
    assert str(trigger.timestamp) == "2026-01-31 08:15:00.250000+00:00"
    assert _trigger(record(exc_info=(KeyError, KeyError("a"), None))).event_class == "KeyError"


@pytest.mark.parametrize(
    ("level", "severity"), [(50, "critical"), (45, "error"), (30, "warning"), (25, "info")]
)
def test_severity_is_the_level_s(level: int, severity: str) -> None:
    assert _trigger(record(levelno=level)).severity == severity


def test_options_beat_the_record_s_fields_and_its_overrides_beat_the_options(
    sandbox: Sandbox,
) -> None:
    options: dict[str, Any] = {
        "component": "shop",
        "group": "eu",
        "event_class": "order",
        "client": "shop",
        "source": "web",
        "client_url": "https://shop.example.com",
        "custom_details": {"team": "a", "logger": "mine"},
        "links": ["https://runbooks.example.com"],
    }
    with paging(sandbox, **options) as pager:
        pager.logger.error("it broke")
        payload = pager.payload
        assert (payload["component"], payload["group"], payload["class"]) == ("shop", "eu", "order")
        assert payload["source"] == "web"
        assert payload["custom_details"]["team"] == "a"
        assert payload["custom_details"]["logger"] == "app.orders"
        assert payload["custom_details"]["logger (logged)"] == "mine"
    overrides = {
        "summary": "in other words",
        "severity": "critical",
        "source": "db1",
        "component": "db",
        "group": "us",
        "class": "disk",
        "client": "c",
        "client_url": "https://c.example.com",
        "timestamp": "2026-01-31T08:15:00Z",
        "custom_details": {"team": "b", "level": "high"},
        "dedup_key": "disk",
        "event_action": "trigger",
        "links": [{"href": "https://l.example.com", "text": "L"}, Link("https://m.example.com")],
        "images": ["https://i.example.com/i.png", Image("https://j.example.com", alt="J")],
    }
    with paging(sandbox, **options) as pager:
        pager.logger.error("it broke", extra={"pagerduty": overrides})
        event, payload = pager.event, pager.payload
        assert payload["summary"] == "in other words"
        assert payload["custom_details"]["message"] == "it broke"
        assert (payload["severity"], payload["source"], payload["component"]) == ("critical", "db1", "db")
        assert (payload["group"], payload["class"]) == ("us", "disk")
        assert payload["timestamp"].startswith("2026-01-31T08:15:00")
        assert payload["custom_details"]["team"] == "b"
        assert payload["custom_details"]["level"] == "high"
        assert "ignored" not in payload["custom_details"]
        assert event["dedup_key"] == "disk"
        assert (event["client"], event["client_url"]) == ("c", "https://c.example.com")
        assert [link["href"] for link in event["links"]] == [
            "https://runbooks.example.com",
            "https://l.example.com",
            "https://m.example.com",
        ]
        assert [image["src"] for image in event["images"]] == [
            "https://i.example.com/i.png",
            "https://j.example.com",
        ]


@pytest.mark.parametrize("word", ["CRITICAL", " Critical ", Severity.CRITICAL])
def test_a_record_gives_its_severity_in_any_case(sandbox: Sandbox, word: str) -> None:
    with paging(sandbox, min_occurrences=(3, 60)) as pager:  # from which critical ones are exempt
        pager.logger.error("it broke", extra={"pagerduty": {"severity": word}})
        assert pager.payload["severity"] == "critical"
        assert "ignored" not in pager.payload["custom_details"]


@pytest.mark.parametrize("written", [str, str.upper])
def test_a_record_can_resolve(sandbox: Sandbox, written: Callable[[str], str]) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("disk", extra={"pagerduty": {"dedup_key": "disk"}})
        for action in map(written, ("acknowledge", "resolve")):
            pager.logger.error("disk", extra={"pagerduty": {"dedup_key": "disk", "event_action": action}})
        actions = [event["event_action"] for event in pager.events]
        assert actions == ["trigger", "acknowledge", "resolve"]


@pytest.mark.parametrize(
    ("wish", "note"),
    [
        ({"severity": "bad"}, "severity: must be one of critical, error, warning, info, not bad"),
        ({"severity": 5}, "severity: must be a text that is not empty"),
        ({"colour": "red"}, "colour: unknown"),
        ({"summary": ""}, "summary: must be a text that is not empty"),
        ({"links": "https://x"}, "links: must be a list"),
        ({"links": [5]}, "links: must hold Links, URLs or mappings"),
        ({"links": ["javascript:alert(1)"]}, "links: javascript:alert(1): neither http nor https"),
        ({"links": ["https://[x/"]}, "links: https://[x/: not an address"),
        (
            {"links": ["http://169.254.169.254/"]},
            "links: http://169.254.169.254/: an address of a machine's own network",
        ),
        (
            {"images": ["http://10.0.0.1/a.png"]},
            "images: http://10.0.0.1/a.png: an address of a machine's own network",
        ),
        (
            {"images": [{"src": "https://a/", "href": "file:///x"}]},
            "images: file:///x: neither http nor https",
        ),
        ({"custom_details": 5}, "custom_details: must be a mapping"),
        ({"timestamp": "tomorrow"}, "timestamp: must be ISO 8601, such as 2026-01-31T08:15:00Z"),
        ({"event_action": "explode"}, "event_action: must be one of trigger, acknowledge, resolve"),
        ({"dedup_key": ""}, "dedup_key: must be a text that is not empty"),
        ({"dedup_key": 7}, "dedup_key: must be a text that is not empty"),
    ],
)
def test_a_wrong_wish_is_ignored_and_named(sandbox: Sandbox, wish: dict[str, Any], note: str) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("it broke", extra={"pagerduty": {"group": "eu", **wish}})
        assert pager.payload["group"] == "eu"
        assert pager.details["ignored"] == [note]


def test_overrides_that_are_not_mappings_are_named(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("it broke", extra={"pagerduty": "critical"})
        assert pager.details["defects"] == ["pagerduty: must be a mapping, or False, not str"]


# Links


def _links(*templates: str | Link, **attributes: Any) -> tuple[list[str], list[str]]:
    links = tuple(Link(link) if isinstance(link, str) else link for link in templates)
    trigger = _trigger(record(**attributes), links=links, release="1.2")
    return (
        [link.href for link in trigger.links if isinstance(link, Link)],
        trigger.custom_details.get("ignored", []),
    )


def test_links_are_templates_over_the_record() -> None:
    assert _links("https://x/?t={trace}&r={release}&l={logger}", trace="a b/c") == (
        ["https://x/?t=a%20b%2Fc&r=1.2&l=app.orders"],
        [],
    )


@pytest.mark.parametrize("trace", [None, "", {"a": 1}, [1]])
def test_a_link_without_its_value_is_skipped_with_a_note(trace: Any) -> None:
    assert _links("https://x/?t={trace}", "https://y/", trace=trace) == (
        ["https://y/"],
        ["links: https://x/?t={trace}: no trace"],
    )


def test_other_braces_and_doubled_ones_stay() -> None:
    assert _links('https://x/?q={"a":{"b":1}}&p={{name}}') == (['https://x/?q={"a":{"b":1}}&p={name}'], [])


def test_no_value_can_reach_attributes_or_another_host() -> None:
    hrefs, ignored = _links("https://x/{msg.__class__}", "https://{evil}/", evil="evil.example/?")
    assert hrefs == ["https://x/{msg.__class__}", "https://evil.example%2F%3F/"]
    assert ignored == []


# Details


def test_every_extra_field_is_shown_and_texts_of_several_lines_as_rows() -> None:
    details = _details(record(order=7, sql="select 1\nfrom t", nested={"a": [1]}))
    assert details["order"] == 7
    assert details["sql"] == ["select 1", "from t"]
    assert details["nested"] == {"a": [1]}


def test_what_libraries_note_on_a_record_for_themselves_is_not_shown() -> None:
    details = _details(record("it broke", order=7, _payload_str='"message": "it broke",'))
    assert details["order"] == 7
    assert "_payload_str" not in details


def test_an_extra_named_like_a_field_of_ours_is_shown_beside_it() -> None:
    details = _details(record(host="db1", traceback="mine"))
    assert details["host"] == this_host()
    assert details["host (logged)"] == "db1"
    assert details["traceback"] == "mine"


def test_where_it_ran() -> None:
    made = record(threadName="worker-1", processName="MainProcess", process=7)
    details = _details(made, release="1.2", environment="test")
    assert details["thread"] == "worker-1"
    assert details["process"] == "MainProcess (7)"
    assert details["python"] == sys.version.split()[0]
    assert (details["release"], details["environment"]) == ("1.2", "test")
    assert details["location"] == "/srv/app/orders.py:42 in charge"


def test_the_task_is_named(sandbox: Sandbox) -> None:
    async def main() -> None:
        pager.logger.error("it broke")

    async def named() -> None:
        await asyncio.create_task(main(), name="order-7")

    with paging(sandbox) as pager:
        asyncio.run(named())
        assert pager.details["task"] == "order-7"


def test_the_thread_is_named(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        thread = threading.Thread(target=pager.logger.error, args=("it broke",), name="worker-1")
        thread.start()
        thread.join()
        assert pager.details["thread"] == "worker-1"


def test_repeats_are_counted_and_reported() -> None:
    trigger = _trigger(record(created=WHEN), History(312, 310, WHEN - 600, WHEN - 300))
    details = trigger.custom_details
    assert details["occurrences"] == 312
    assert details["suppressed"] == 310
    assert details["first_seen"] == "2026-01-31T08:05:00+00:00"
    assert details["last_seen"] == "2026-01-31T08:15:00+00:00"


def test_trace_ids_are_those_on_the_record() -> None:
    made = record(otelTraceID="4bf92f3577b34da6a3ce929d0e0e4736", otelSpanID="00f067aa0ba902b7")
    details = _details(made)
    assert details["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert details["span_id"] == "00f067aa0ba902b7"
    assert "otelTraceID" not in details
    assert "trace_id" not in _details(record(otelTraceID="0", otelSpanID="0"))


def test_trace_ids_are_else_those_of_the_current_span() -> None:
    trace = pytest.importorskip("opentelemetry.trace", reason="opentelemetry-api is not installed")
    assert "trace_id" not in _details(record())
    context = trace.SpanContext(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        details = _details(record())
    assert details["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert details["span_id"] == "00f067aa0ba902b7"


def test_a_program_s_own_trace_id_is_shown_and_fills_links() -> None:
    hrefs, _ = _links("https://x/{trace_id}", trace_id="7f3a")
    assert hrefs == ["https://x/7f3a"]


@pytest.mark.parametrize(
    ("variables", "release", "environment"),
    [
        ({}, None, None),
        ({"SENTRY_RELEASE": "1", "DD_VERSION": "2"}, "1", None),
        ({"DD_VERSION": "2", "DD_ENV": "prod"}, "2", "prod"),
        ({"HEROKU_SLUG_COMMIT": " abc ", "ENVIRONMENT": ""}, "abc", None),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.version=1%2B2, deployment.environment=stage,y"},
            "1+2",
            "stage",
        ),
    ],
)
def test_release_and_environment_come_from_the_usual_variables(
    variables: dict[str, str], release: str | None, environment: str | None
) -> None:
    assert find_release(None, variables) == release
    assert find_environment(None, variables) == environment
    assert find_release("mine", variables) == "mine"
    assert find_environment("mine", variables) == "mine"


def test_structured_events_are_read() -> None:
    made = record({"event": "order failed", "order": 7, "level": "error", "pagerduty": {"group": "eu"}})
    trigger = _trigger(made)
    assert trigger.summary == "order failed"
    assert trigger.group == "eu"
    assert trigger.custom_details["order"] == 7
    assert "event" not in trigger.custom_details


def test_a_mapping_without_an_event_is_a_message_like_any_other() -> None:
    assert _summary({"order": 7}) == "{'order': 7}"


@pytest.mark.parametrize("exc_info", [ValueError("no"), (ValueError, ValueError("no"), None), True])
def test_the_exception_of_a_structured_event_is_shown(exc_info: Any) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        made = record({"event": "order failed", "exc_info": exc_info})
        trigger = _trigger(made)
    assert trigger.summary == "order failed: ValueError: no"
    assert "exc_info" not in trigger.custom_details


def test_json_lines_are_read() -> None:
    line = '{"message": "order failed", "order": 7, "levelname": "ERROR", "exc_info": "%s"}'
    text = 'Traceback (most recent call last):\\n  File \\"/srv/x.py\\", line 3, in f\\n    g()\\nKeyError: 1'
    trigger = _trigger(record(line.replace("%s", text)))
    assert trigger.summary == "order failed: KeyError: 1"
    assert trigger.custom_details["order"] == 7
    assert trigger.custom_details["traceback"] == ["/srv/x.py:3 in f", "    g()"]
    assert "exc_info" not in trigger.custom_details
    assert "levelname" not in trigger.custom_details


def test_dict_tracebacks_are_read_without_the_values_of_variables() -> None:
    told = [
        {
            "exc_type": "KeyError",
            "exc_value": "'card'",
            "is_cause": False,
            "frames": [{"filename": "/srv/x.py", "lineno": 3, "name": "f", "locals": {"card": "c4n4ry"}}],
        },
        {"exc_type": "ValueError", "exc_value": "", "is_cause": True, "frames": []},
    ]
    trigger = _trigger(record({"event": "order failed", "exception": told}))
    assert trigger.summary == "order failed: KeyError: 'card'"
    assert trigger.custom_details["traceback"] == ["/srv/x.py:3 in f"]
    assert trigger.custom_details["causes"] == ["caused by ValueError"]
    assert "c4n4ry" not in str(trigger)


@pytest.mark.parametrize("value", ["text", [], [1], [{"exc_type": "E"}], {"frames": []}])
def test_an_extra_named_exception_is_an_extra_like_any_other(value: Any) -> None:
    assert _details(record(exception=value))["exception"] == value


def test_a_console_line_of_structlog_s_shows_no_values_of_variables(sandbox: Sandbox) -> None:
    structlog = pytest.importorskip("structlog", reason="structlog is not installed")
    with paging(sandbox) as pager:
        renderer = structlog.dev.ConsoleRenderer(colors=True)
        pager.handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer))
        card = "c4n4ry"
        try:
            raise ValueError(len(card))
        except ValueError:
            pager.logger.error(
                {"event": "order failed", "exc_info": True}, extra={"_logger": None, "_name": "x"}
            )
        assert "order failed" in pager.summary
        assert pager.summary.endswith(": ValueError: 6")
        assert "c4n4ry'" not in str(pager.event)
        assert "defects" not in pager.details


def test_a_boxed_traceback_is_taken_out_of_the_message() -> None:
    text = "order failed\n╭─ Traceback (most recent call last) ─╮\n│ card = 'c4n4ry' │\n╰────╯\nKeyError: 'a'"
    try:
        raise KeyError("a")
    except KeyError:
        trigger = _trigger(record(text))
    assert trigger.summary == "order failed: KeyError: 'a'"
    assert "c4n4ry" not in str(trigger)
    assert "c4n4ry" not in str(_trigger(record(text)))


def test_a_dedup_key_is_one_line_of_plain_text_from_every_source(sandbox: Sandbox) -> None:
    key = "disk\r\nof \x1b[31m\u202edb1"
    with paging(sandbox) as pager:
        pager.logger.error("disk", extra={"pagerduty": {"dedup_key": key}})
        pager.handler.acknowledge(key)
        pager.handler.resolve(key)
        assert [event["dedup_key"] for event in pager.events] == ["disk of db1"] * 3


def test_a_record_that_reaches_the_handler_twice_pages_once(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        child = logging.Logger("app.orders.child")
        child.addHandler(pager.handler)
        child.parent = pager.logger
        child.error("it broke")
        assert pager.summary == "it broke"


INVISIBLE = "x\x1b[31mred\u202e\U000e0041\x07\x9b31m\u2066"
"""Escape sequences, a bell, characters that reorder text, and a tag that nobody sees."""
_NOT_SHOWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, held in value.items():
                yield name
                yield from _texts(held)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
        case _ if hasattr(value, "__slots__") and not isinstance(value, (int, float)):
            for name in value.__slots__:
                yield from _texts(getattr(value, name))


@pytest.mark.parametrize(
    "attributes",
    [
        *({name: INVISIBLE} for name in ("name", "pathname", "funcName", "levelname", "threadName", "msg")),
        {"pagerduty": {"severity": INVISIBLE}},
        {"pagerduty": {INVISIBLE: INVISIBLE}},
        {"pagerduty": {"links": [{"href": "https://x/", "text": INVISIBLE}]}},
        {"pagerduty": {"links": [{"href": f"https://x/{INVISIBLE}", "text": "x"}]}},
        {"pagerduty": {"images": [{"src": "https://x/y.png", "alt": INVISIBLE}]}},
        {"pagerduty": {"custom_details": {INVISIBLE: {INVISIBLE: [INVISIBLE]}}}},
        {"tenant": {INVISIBLE: INVISIBLE}},
    ],
)
def test_no_part_of_a_page_holds_what_a_reader_does_not_see(attributes: dict[str, Any]) -> None:
    for text in _texts(_trigger(record(**attributes))):
        assert not _NOT_SHOWN.search(text), ascii(text)


def test_the_name_of_an_exceptions_type_may_come_from_outside_too() -> None:
    error = type(f"Remote{INVISIBLE}", (Exception,), {})("it broke")
    for text in _texts(_trigger(record(exc_info=(type(error), error, None)))):
        assert not _NOT_SHOWN.search(text), ascii(text)
