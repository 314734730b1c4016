"""The way of a record, from `logger.error` to the alert: real logging, real threads, real HTTP."""

import json
import logging
import logging.config
import logging.handlers
import queue
import threading

import pytest

from pagerduty_logging import PagerDutyHandler, Retry, fingerprint
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Reset, Sandbox

SOON = Retry(initial=0.01, maximum=0.05)


def pager(logger: logging.Logger) -> PagerDutyHandler:
    (handler,) = (handler for handler in logger.handlers if isinstance(handler, PagerDutyHandler))
    return handler


def handle(handler: PagerDutyHandler, message: str, *args: object) -> None:
    """Log to this handler alone: pytest's own would raise where a record cannot be formatted."""
    handler.handle(logging.LogRecord("shop", logging.ERROR, __file__, 1, message, args, None))


def test_an_error_opens_one_alert_that_says_what_broke_and_where(sandbox, shop):
    shop.error("payment %s failed", 4711)
    assert pager(shop).flush()

    (alert,) = sandbox.alerts
    assert alert.summary == "payment 4711 failed"
    assert alert.severity == "error"
    assert alert.component == "shop"
    assert alert.source
    assert "test_journey.py" in alert.custom_details["location"]
    assert alert.custom_details["occurrences"] == 1


def test_the_timestamp_is_that_of_the_record(sandbox, shop):
    record = shop.makeRecord("shop", logging.ERROR, __file__, 1, "late", (), None)
    record.created = 1_700_000_000.25
    shop.handle(record)
    pager(shop).flush()

    assert sandbox.events[0]["payload"]["timestamp"] == "2023-11-14T22:13:20.250000+00:00"


def test_the_same_error_ten_thousand_times_is_one_alert_and_one_request(sandbox, shop):
    for order in range(10_000):
        shop.error("payment %s failed", order)
    pager(shop).flush()

    assert len(sandbox.alerts) == len(sandbox.requests) == 1
    assert pager(shop).stats.suppressed == 9_999


def test_the_same_error_on_many_threads_at_once_is_one_alert(sandbox, shop):
    ready = threading.Barrier(16)

    def log() -> None:
        ready.wait()
        for order in range(100):
            shop.error("payment %s failed", order)

    threads = [threading.Thread(target=log) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pager(shop).flush()

    assert len(sandbox.requests) == 1
    assert pager(shop).stats.suppressed == 1_599


def test_different_problems_are_different_alerts(sandbox, shop):
    shop.error("payment %s failed", 1)
    shop.error("refund %s failed", 1)
    logging.getLogger("shop.stock").error("payment %s failed", 1)
    pager(shop).flush()

    assert len(sandbox.alerts) == 3


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (logging.CRITICAL + 5, "critical"),
        (logging.CRITICAL, "critical"),
        (logging.ERROR + 5, "error"),
        (logging.ERROR, "error"),
        (logging.WARNING, "warning"),
        (logging.INFO, "info"),
        (1, "info"),
    ],
)
def test_the_severity_comes_from_the_level(sandbox, make_handler, attach, level, severity):
    logger = attach(make_handler(level=1))
    logger.setLevel(1)
    logger.log(level, "something")
    pager(logger).flush()

    assert sandbox.alerts[0].severity == severity


def test_a_higher_severity_of_a_known_problem_passes_at_once_and_joins_its_alert(sandbox, shop):
    shop.error("disk %s", "filling")
    shop.critical("disk %s", "full")
    pager(shop).flush()

    (alert,) = sandbox.alerts
    assert (alert.severity, alert.triggers) == ("critical", 2)


def test_the_next_event_after_the_window_reports_what_was_held_back(sandbox, make_handler, attach):
    handler = make_handler(repeat_interval=0.001)
    shop = attach(handler)
    shop.error("payment %s failed", 0)
    handler.flush()
    logged = 1
    while len(sandbox.events) < 2:
        shop.error("payment %s failed", logged)
        logged += 1
        handler.flush()

    first, second = (event["payload"]["custom_details"] for event in sandbox.events)
    assert first["occurrences"] == 1
    assert second["occurrences"] == logged
    assert second.get("suppressed", 0) == logged - 2
    assert len(sandbox.alerts) == 1


def test_an_exception_is_shown_with_its_cause(sandbox, shop):
    try:
        try:
            {}["pears"]
        except KeyError as error:
            raise LookupError("no pears") from error
    except LookupError:
        shop.exception("order %s cannot be sent", 7)
    pager(shop).flush()

    (alert,) = sandbox.alerts
    assert alert.summary == "order 7 cannot be sent: LookupError: no pears"
    assert alert.event_class == "LookupError"
    shown = json.dumps(alert.custom_details)
    assert "LookupError: no pears" in shown
    assert "KeyError: 'pears'" in shown


def test_a_record_below_the_level_does_not_page(sandbox, shop):
    shop.warning("getting slow")
    assert pager(shop).flush()
    assert sandbox.requests == ()


def test_a_filter_of_the_handler_is_honoured(sandbox, make_handler, attach):
    handler = make_handler()
    handler.addFilter(lambda record: "noise" not in record.msg)
    shop = attach(handler)
    shop.error("noise")
    shop.error("news")
    handler.flush()

    assert [alert.summary for alert in sandbox.alerts] == ["news"]


def test_a_record_may_say_that_it_does_not_page(sandbox, shop):
    shop.error("known trouble", extra={"pagerduty": False})
    assert pager(shop).flush()
    assert sandbox.requests == ()


def test_a_record_may_say_more_of_its_alert_and_what_is_wrong_is_named(sandbox, shop):
    own = {
        "dedup_key": "db-1",
        "severity": "warning",
        "class": "latency",
        "links": [{"href": "https://wiki.example.com/db", "text": "Runbook"}],
        "custom_details": {"shard": 3},
        "urgency": "high",
        "images": 7,
    }
    shop.error("slow", extra={"pagerduty": own})
    pager(shop).flush()

    (alert,) = sandbox.alerts
    assert (alert.dedup_key, alert.severity, alert.event_class) == ("db-1", "warning", "latency")
    assert alert.links[0]["href"] == "https://wiki.example.com/db"
    assert alert.custom_details["shard"] == 3
    assert any("urgency" in row for row in alert.custom_details["ignored"])
    assert any("images" in row for row in alert.custom_details["ignored"])


def test_a_record_may_resolve_its_problem_and_the_next_one_opens_a_new_alert(sandbox, shop):
    own = {"dedup_key": "db-1"}
    shop.error("database down", extra={"pagerduty": own})
    shop.error("database up", extra={"pagerduty": {**own, "event_action": "resolve"}})
    shop.error("database down", extra={"pagerduty": own})
    pager(shop).flush()

    assert [alert.state for alert in sandbox.alerts] == ["triggered", "resolved"]


def test_a_record_may_acknowledge_its_problem(sandbox, shop):
    shop.error("database down", extra={"pagerduty": {"dedup_key": "db-1"}})
    shop.error("on it", extra={"pagerduty": {"dedup_key": "db-1", "event_action": "acknowledge"}})
    pager(shop).flush()

    assert sandbox.alert("db-1").state == "acknowledged"


def test_the_handler_sends_change_events(sandbox, shop):
    pager(shop).change("Deployed 1.4.2", links=["https://ci.example.com/42"])
    pager(shop).flush()

    (change,) = sandbox.changes
    assert change.summary == "Deployed 1.4.2"


def test_a_record_that_cannot_be_formatted_pages_with_what_could_be_saved(sandbox, shop):
    handle(pager(shop), "%d of %d", "seven")
    pager(shop).flush()

    (alert,) = sandbox.alerts
    assert "%d of %d" in alert.summary
    assert "seven" in alert.summary
    assert "TypeError" in alert.custom_details["defects"][0]


class Unprintable:
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error("from __str__")


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError])
def test_an_argument_that_cannot_be_shown_still_pages(sandbox, shop, error):
    handle(pager(shop), "payment %s failed", Unprintable(error))
    pager(shop).flush()
    assert "payment %s failed" in sandbox.alerts[0].summary


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_from_an_argument_reaches_the_program_after_the_page_is_safe(sandbox, shop, error):
    with pytest.raises(error):
        handle(pager(shop), "payment %s failed", Unprintable(error))
    pager(shop).flush()
    assert "payment %s failed" in sandbox.alerts[0].summary


def test_a_record_whose_capture_a_signal_interrupted_is_paged_in_full(sandbox, shop):
    class Interrupted:
        times = 0

        def __str__(self) -> str:
            self.times += 1
            if self.times == 1:
                raise SystemExit(0)  # as the program's handler of SIGTERM does, wherever it is called
            return "4711"

    with pytest.raises(SystemExit):
        handle(pager(shop), "payment %s failed: %s", Interrupted(), TimeoutError("no answer"))
    pager(shop).flush()
    assert sandbox.alerts[0].summary == "payment 4711 failed: no answer"


def test_a_formatter_of_the_users_words_the_summary(sandbox, make_handler, attach):
    handler = make_handler()
    handler.setFormatter(logging.Formatter("[%(name)s] %(message)s"))
    attach(handler).error("payment %s failed", 1)
    handler.flush()
    assert sandbox.alerts[0].summary == "[shop] payment 1 failed"


@pytest.mark.parametrize(("key", "error"), [(None, TypeError), (3, TypeError), (" ", ValueError)])
@pytest.mark.parametrize("method", ["acknowledge", "resolve"])
def test_a_wrong_dedup_key_is_named(make_handler, method, key, error):
    with pytest.raises(error, match="dedup_key must"):
        getattr(make_handler(), method)(key)


@pytest.mark.parametrize("method", ["acknowledge", "resolve", "change", "flush"])
def test_the_error_for_a_wrong_argument_names_the_class_that_users_know(make_handler, method):
    with pytest.raises(TypeError, match=rf"PagerDutyHandler\.{method}\(\) got an unexpected keyword"):
        getattr(make_handler(), method)(colour="red")


def test_before_send_may_change_or_drop_a_trigger(sandbox, make_handler, attach):
    from dataclasses import replace

    def before_send(trigger, record):
        return None if record.msg == "noise" else replace(trigger, group=record.name)

    handler = make_handler(before_send=before_send)
    shop = attach(handler)
    shop.error("noise")
    shop.error("news")
    handler.flush()
    assert [(alert.summary, alert.group) for alert in sandbox.alerts] == [("news", "shop")]


def test_what_before_send_writes_into_a_trigger_is_on_no_other_page(sandbox, make_handler, attach):
    def before_send(trigger, record):
        trigger.custom_details["teams"].append(record.msg)
        return trigger

    shop = attach(handler := make_handler(before_send=before_send, custom_details={"teams": ["payments"]}))
    shop.error("first")
    shop.error("second")
    handler.flush()
    assert sorted(alert.custom_details["teams"] for alert in sandbox.alerts) == [
        ["payments", "first"],
        ["payments", "second"],
    ]


def test_a_before_send_that_fails_loses_no_page(sandbox, make_handler, attach):
    handler = make_handler(before_send=lambda trigger, record: 1 / 0)
    attach(handler).error("news")
    handler.flush()
    assert sandbox.alerts[0].summary == "news"
    assert "before_send" in sandbox.alerts[0].custom_details["defects"][0]


def test_a_fingerprint_of_the_users_makes_the_dedup_key(sandbox, make_handler, attach):
    handler = make_handler(fingerprint=lambda record: f"shop-{record.lineno}")
    attach(handler).error("news")
    handler.flush()
    assert sandbox.alerts[0].dedup_key.startswith("shop-")


def test_the_options_of_the_fingerprint_may_be_given_as_a_mapping(sandbox, make_handler, attach):
    handler = make_handler(fingerprint={"exception_type": True})
    shop = attach(handler)
    for error in (KeyError("a"), ValueError("b")):
        shop.error("payment %s failed", 1, exc_info=error)
    handler.flush()
    assert len(sandbox.alerts) == 2


def test_a_fingerprint_that_fails_loses_no_page(sandbox, make_handler, attach):
    handler = make_handler(fingerprint=lambda record: 1 / 0)
    attach(handler).error("news")
    handler.flush()
    assert len(sandbox.alerts) == 1
    assert "fingerprint" in sandbox.alerts[0].custom_details["defects"][0]


def test_a_refused_event_is_sent_once_more_in_its_barest_form(sandbox, shop):
    sandbox.fail_next(400)
    shop.error("payment %s failed", 1)
    pager(shop).flush()

    (alert,) = sandbox.alerts
    assert "payment 1 failed" in alert.summary
    assert "reduced" in alert.custom_details
    first, second = (json.loads(request.body) for request in sandbox.requests)
    assert first["dedup_key"] == second["dedup_key"]


def test_an_event_refused_for_good_is_reported_and_stalls_no_other(sandbox, make_handler, attach, capsys):
    told = []
    handler = make_handler(on_error=lambda event, error: told.append((event, error)))
    shop = attach(handler)
    sandbox.fail_next(400, times=2)
    shop.error("a secret: %s", "hunter2")
    shop.error("another")
    handler.flush()

    assert [alert.summary for alert in sandbox.alerts] == ["another"]
    ((event, error),) = told
    assert event.dedup_key
    assert error.status == 400
    line = capsys.readouterr().err
    assert line.startswith("pagerduty-logging: ")
    assert line.count("\n") == 1
    assert "hunter2" not in line
    stats = handler.stats
    assert (stats.accepted, stats.delivered, stats.dead_lettered, stats.pending) == (2, 1, 1, 0)


def test_the_next_occurrence_of_a_problem_whose_event_was_lost_pages(sandbox, shop):
    sandbox.fail_next(400, times=2)
    shop.error("payment %s failed", 1)
    pager(shop).flush()
    shop.error("payment %s failed", 2)
    pager(shop).flush()
    assert [alert.summary for alert in sandbox.alerts] == ["payment 2 failed"]


@pytest.mark.parametrize("fault", [429, 500, 503, 302, 403, 200, Reset(), Reset(after_accepting=True)])
def test_what_is_not_an_acceptance_is_tried_again_with_the_same_bytes(sandbox, make_handler, attach, fault):
    sandbox.fail_next(fault, times=2)
    handler = make_handler(retry=SOON)
    attach(handler).error("payment %s failed", 1)
    sandbox.wait_until(lambda: sandbox.alerts and len(sandbox.requests) == 3)

    assert len({request.body for request in sandbox.requests}) == 1
    assert len(sandbox.alerts) == 1


def test_a_server_that_is_gone_is_reported_once_and_has_every_page_when_it_is_back(
    make_handler, attach, capsys, sandbox
):
    handler = make_handler(retry=SOON, timeout=2.0)
    shop = attach(handler)
    sandbox.stop()
    for problem in ("disk full", "bank closed", "stock gone", "cart lost", "mail stuck"):
        shop.error(problem)
    assert not handler.flush(timeout=0.2)
    assert handler.stats.pending == 5
    assert capsys.readouterr().err.count("pagerduty-logging: ") == 1

    sandbox.start()
    sandbox.wait_for(5, timeout=20)
    assert handler.flush(timeout=10)
    assert handler.stats.delivered == 5


def test_without_a_thread_the_logging_call_sends(sandbox, make_handler, attach):
    handler = make_handler(background=False)
    before = set(threading.enumerate())  # those of other tests may be at their last attempt
    attach(handler).error("payment %s failed", 1)
    assert len(sandbox.alerts) == 1
    assert "pagerduty-logging" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_one_thread_starts_with_the_first_page_and_ends_after_close(sandbox, make_handler, attach):
    before = set(threading.enumerate())  # those of other tests may be at their last attempt

    def workers() -> list[threading.Thread]:
        return [
            thread for thread in set(threading.enumerate()) - before if thread.name == "pagerduty-logging"
        ]

    handler = make_handler()
    shop = attach(handler)
    assert not workers()
    shop.error("one")
    shop.error("two")
    (worker,) = workers()
    handler.close()
    worker.join(timeout=10)
    assert not worker.is_alive()
    assert len(sandbox.alerts) == 2


def test_a_closed_handler_that_is_still_attached_still_delivers(sandbox, shop):
    handler = pager(shop)
    handler.close()
    handler.close()
    shop.error("after the end")
    sandbox.wait_for(1)


def test_two_handlers_with_keys_of_their_own_do_not_mix(sandbox, make_handler, attach):
    teams = {"a" * 32: make_handler(routing_key="a" * 32), "b" * 32: make_handler(routing_key="b" * 32)}
    for key, handler in teams.items():
        attach(handler, name=f"team.{key[0]}").error("of team %s", key[0])
        handler.flush()
    assert {(alert.routing_key, alert.summary) for alert in sandbox.alerts} == {
        ("a" * 32, "of team a"),
        ("b" * 32, "of team b"),
    }


def test_records_that_come_through_a_queue_page_with_a_short_summary(sandbox, make_handler):
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = make_handler()
    listener = logging.handlers.QueueListener(records, handler)
    logger = logging.getLogger("queued")
    logger.propagate = False
    sender = logging.handlers.QueueHandler(records)
    logger.addHandler(sender)
    listener.start()
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logger.exception("order %s failed", 1)
    listener.stop()
    logger.removeHandler(sender)
    handler.flush()
    assert sandbox.alerts[0].summary == "order 1 failed: ZeroDivisionError: division by zero"


def test_a_stranger_configures_it_by_dict_config(sandbox, monkeypatch):
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", EXAMPLE_ROUTING_KEY)
    monkeypatch.setenv("PAGERDUTY_EVENTS_URL", sandbox.url)
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "pagerduty": {
                        "class": "pagerduty_logging.PagerDutyHandler",
                        "level": "CRITICAL",
                        "custom_details": {"team": "payments"},
                        "links": [{"href": "https://wiki.example.com", "text": "Runbook"}],
                    }
                },
                "root": {"handlers": ["pagerduty"]},
            }
        )
        logging.getLogger("a.b").error("below its level")
        logging.getLogger("a.b").critical("all is lost")
        handler = pager(root)
        assert handler.flush()
        handler.close()
    finally:
        root.handlers[:] = before
    (alert,) = sandbox.alerts
    assert (alert.summary, alert.custom_details["team"]) == ("all is lost", "payments")
    assert alert.links[0]["text"] == "Runbook"


def test_reconfiguring_while_an_event_is_under_way_waits_for_nothing_and_loses_nothing():
    from pagerduty_logging.sandbox import Delay

    with Sandbox() as sandbox:
        sandbox.fail_next(Delay(2.0))
        handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=sandbox.url)
        logger = logging.getLogger("reconfigured")
        logger.propagate = False
        logger.addHandler(handler)
        logger.error("on its way")
        sandbox.wait_until(lambda: sandbox.requests)
        handler.acquire()
        try:
            with logging._lock:  # as `dictConfig` holds it
                assert handler.flush() is False
            handler.close()
        finally:
            handler.release()
        logger.removeHandler(handler)
        sandbox.wait_for(1, timeout=20)


def test_counts_balance_while_records_are_deferred_and_are_exact_after_a_flush(sandbox, shop):
    from pagerduty_logging.sandbox import Delay

    sandbox.fail_next(Delay(0.2))
    shop.error("under way")
    sandbox.wait_until(lambda: sandbox.requests)
    for problem in ("disk %s full", "bank %s closed", "disk %s full", "disk %s full"):
        shop.log(logging.ERROR, problem, 1, stacklevel=1)
    stats = pager(shop).stats
    assert stats.accepted == stats.delivered + stats.pending
    assert stats.accepted + stats.suppressed == 5
    assert pager(shop).flush()
    stats = pager(shop).stats
    assert (stats.accepted, stats.delivered, stats.suppressed) == (3, 3, 2)


def test_records_that_are_read_later_keep_their_order_with_resolves_and_higher_severities(sandbox, shop):
    from pagerduty_logging.sandbox import Delay

    sandbox.fail_next(Delay(0.2))
    shop.error("under way")
    sandbox.wait_until(lambda: sandbox.requests)
    for level, state in ((logging.ERROR, "filling"), (logging.CRITICAL, "full")):
        shop.log(level, "disk %s", state)
        shop.error("bank %s", "closed")  # or the next of the same message would be read at once
    handle(pager(shop), "mail %s stuck", 1)
    key = fingerprint(logging.LogRecord("shop", logging.ERROR, __file__, 1, "mail %s stuck", (1,), None))
    pager(shop).resolve(key)
    handle(pager(shop), "mail %s stuck", 2)
    assert pager(shop).flush()

    (disk,) = [alert for alert in sandbox.alerts if alert.summary.startswith("disk")]
    assert (disk.severity, disk.triggers) == ("critical", 2)
    assert disk.custom_details["occurrences"] == 2
    mail = [alert for alert in sandbox.alerts if alert.dedup_key == key]
    assert {alert.summary: alert.state for alert in mail} == {
        "mail 1 stuck": "resolved",
        "mail 2 stuck": "triggered",
    }


def test_a_problem_that_is_turned_away_is_reported_in_numbers_and_pages_when_there_is_room(
    sandbox, make_handler, attach
):
    sandbox.fail_share(503, 1)
    handler = make_handler(max_pending=2, retry=SOON)
    attach(handler)
    for name in ("disk", "bank"):
        handle(handler, f"{name} of %s", 1)
    assert handler.stats.pending == 2
    for name in ("mail", "cart"):
        for order in range(3):
            handle(handler, f"{name} of %s", order)
    for order in range(5):  # known and waiting: a repeat, which takes no room
        handle(handler, "disk of %s", order)
    stats = handler.stats
    assert stats.accepted + stats.suppressed == 2 + 6 + 5
    assert stats.accepted == stats.pending + stats.dropped["overflow"] == 2 + stats.dropped["overflow"]

    sandbox.fail_share(503, 0)
    assert handler.flush(20)
    (summary,) = [alert for alert in sandbox.alerts if alert.event_class == "overflow"]
    assert summary.custom_details["left_out_problems"] == 2
    assert summary.custom_details["left_out_records"] == 6
    handle(handler, "mail of %s", 4)
    assert handler.flush(20)
    assert {alert.summary for alert in sandbox.alerts} == {
        "disk of 1",
        "bank of 1",
        "mail of 4",
        summary.summary,
    }
