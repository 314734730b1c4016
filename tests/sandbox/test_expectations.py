"""What a test asks of the sandbox: an alert as expected, no pages, this process's handlers turned to it."""

import logging
import os
import re
import warnings
from collections.abc import Callable

import pytest
import requests

from pagerduty_logging import EventsClient, PagerDutyHandler
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Hang, Sandbox
from tests.sandbox.sandbox_client import Sender, resolve, trigger, trigger_with

Attach = Callable[[logging.Handler], logging.Logger]


@pytest.fixture
def send(sandbox: Sandbox):
    with requests.Session() as session:
        session.trust_env = False
        yield Sender(sandbox, session)


@pytest.fixture
def older_handler(attach: Attach):
    """A handler that was made before anybody thought of a sandbox, as applications do at import."""
    handler = PagerDutyHandler("0" * 32, base_url="https://pagerduty.invalid")
    attach(handler)
    yield handler
    handler.close()


def test_an_alert_is_found_by_some_of_its_fields(send: Sender, sandbox: Sandbox):
    send(trigger("a", links=[{"href": "https://example.com", "text": "Runbook"}]))
    send(trigger("b", payload={**trigger_with(custom_details={"a": {"b": 1, "c": 2}}, group="x")["payload"]}))
    assert sandbox.alert("a").dedup_key == "a"
    assert sandbox.alert(summary="Disk is full").dedup_key == "b", "of several, the one opened last"
    assert sandbox.alert(group=None).dedup_key == "a"
    assert sandbox.alert(group=re.compile("^x")).dedup_key == "b"
    assert sandbox.alert(custom_details={"a": {"b": 1}}).dedup_key == "b"
    assert sandbox.alert(links=[{"href": re.compile("example")}]).dedup_key == "a"
    assert sandbox.alert("b", triggers=1, links=[]).severity == "critical"


def test_a_failure_names_the_fields_that_differ_nearest_alert_first(send: Sender, sandbox: Sandbox):
    send(trigger("other", payload={**trigger_with(severity="info", summary="Another")["payload"]}))
    send(trigger_with(custom_details={"order": 7}))
    send()
    send(resolve("nothing"))
    with pytest.raises(AssertionError) as failure:
        sandbox.alert(
            "srv01/mysql",
            timeout=0,
            severity="error",
            source=re.compile("web"),
            summary="Disk is full",
            links=[{"href": "https://example.com"}],
            custom_details={"order": 8, "customer": "x"},
        )
    told = str(failure.value)
    assert told.startswith(
        """expected an alert with
    severity: 'error'
    source: text with 'web'
    summary: 'Disk is full'
    links: [{'href': 'https://example.com'}]
    custom_details: {'order': 8, 'customer': 'x'}
    dedup_key: 'srv01/mysql'
there are 2 alerts:
  triggered critical 'Disk is full', dedup key 'srv01/mysql', 2 triggers
    severity: expected 'error', got 'critical'
    source: expected text with 'web', got 'db1'
    links: expected [{'href': 'https://example.com'}], got ()
    custom_details['order']: expected 8, there is none
    custom_details['customer']: expected 'x', there is none
  triggered info 'Another', dedup key 'other'
    severity: expected 'error', got 'info'
"""
    )
    assert "POST /v2/enqueue answered 202" in told


def test_a_failure_shows_what_the_handlers_of_this_process_did(
    sandbox: Sandbox, make_handler: Callable[..., PagerDutyHandler], attach: Attach
):
    sandbox.fail_next(503)
    logger = attach(make_handler())
    logger.error("cannot pay")
    logger.error("cannot pay")
    sandbox.wait_for(1, timeout=60)
    with pytest.raises(AssertionError, match="1 repeats held back; last error: PagerDuty failed with 503"):
        sandbox.alert(summary="cannot ship", timeout=0)


def test_many_alerts_are_not_all_listed(send: Sender, sandbox: Sandbox):
    for number in range(12):
        send(trigger(str(number)))
    with pytest.raises(AssertionError, match="and 2 more"):
        sandbox.wait_until(lambda: False, timeout=0)


def test_a_field_that_no_alert_has_is_refused_at_once(sandbox: Sandbox):
    with pytest.raises(TypeError, match="an alert has no text; expect dedup_key, state, summary"):
        sandbox.alert(text="Disk is full")  # type: ignore[call-arg]


def test_no_pages_is_asserted_when_nothing_is_under_way_any_more(
    sandbox: Sandbox, make_handler: Callable[..., PagerDutyHandler], attach: Attach
):
    sandbox.assert_no_pages()
    sandbox.fail_next(503)  # the page waits for its next attempt
    attach(make_handler()).error("cannot pay")
    with pytest.raises(AssertionError, match="expected no pages, got 1:\n  triggered error 'cannot pay'"):
        sandbox.assert_no_pages(timeout=60)


def test_no_pages_is_not_asserted_while_one_may_come(sandbox: Sandbox, older_handler: PagerDutyHandler):
    with sandbox.redirect():
        sandbox.fail_share(503, 1)
        logging.getLogger("shop").error("cannot pay")
        with pytest.raises(AssertionError, match="pages are still under way"):
            sandbox.assert_no_pages(timeout=0.3)


def test_older_handlers_are_turned_to_the_sandbox_and_back(
    sandbox: Sandbox, older_handler: PagerDutyHandler, attach: Attach
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has no key
        keyless = PagerDutyHandler()
    attach(keyless)
    for _ in range(2):  # one test's alert is news to the next
        with sandbox.redirect():
            logging.getLogger("shop").error("cannot pay")
            sandbox.settle(timeout=60)
            assert len(sandbox.requests) == 2
            assert older_handler.stats.delivered == keyless.stats.delivered == 1
            assert {name: os.environ[name] for name in sandbox.environment} == sandbox.environment
            EventsClient().trigger("paged by hand", dedup_key="by-hand")
            sandbox.alert("by-hand")
        assert older_handler.stats.accepted == keyless.stats.accepted == 0
        assert not set(sandbox.environment) & set(os.environ)
        sandbox.clear()


def test_a_handler_that_is_not_enabled_stays_silent(sandbox: Sandbox, attach: Attach):
    logger = attach(PagerDutyHandler(enabled=False))
    with sandbox.redirect():
        logger.error("cannot pay")
        sandbox.assert_no_pages()


def test_what_was_set_in_the_environment_comes_back(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "earlier")
    with sandbox.redirect():
        assert os.environ["PAGERDUTY_ROUTING_KEY"] == EXAMPLE_ROUTING_KEY
    assert os.environ["PAGERDUTY_ROUTING_KEY"] == "earlier"


def test_a_request_that_hangs_at_the_end_is_abandoned(sandbox: Sandbox, older_handler: PagerDutyHandler):
    with sandbox.redirect():
        sandbox.fail_next(Hang())
        logging.getLogger("shop").error("cannot pay")
        sandbox.wait_until(lambda: sandbox.requests, timeout=60)
    assert sandbox.alerts, "once the sandbox behaves again it is delivered"


def test_a_sandbox_with_https_is_trusted_too():
    with Sandbox(tls=True) as sandbox, sandbox.redirect():
        EventsClient().trigger("paged by hand", dedup_key="by-hand")
        assert sandbox.alert("by-hand").state == "triggered"
