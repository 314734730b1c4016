"""Floods that an outsider, or a dead database, sets off: what an engineer is paged for meanwhile."""

import itertools
import logging
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.schedule import Backlog, Budget
from pagerduty_logging.events_api.events import Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.page import alert
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.pipeline import Pipeline
from pagerduty_logging.record.filters import Ignored
from pagerduty_logging.state.throttle import EventOutcome, Throttle

WORDS = ["".join(letters) for letters in itertools.product("bcdfghkl", "aeiou", "mnprst", "aeiou", "ks")]
FIVE_MINUTES = 300.0


class Program:
    """A program that logs, on a clock that the test turns, and what it is paged for."""

    def __init__(self, fingerprint: Any = None, before_send: Any = None, **fields: Any) -> None:
        self.now = 1_000.0
        redactor = Redactor()
        self.pipeline = Pipeline(
            fields=alert.checked_fields(release=None, environment=None, **fields),
            redactor=redactor,
            ignored=Ignored((), ()),
            identifier=Identifier(fingerprint, redactor.key),
            before_send=before_send,
            throttle=Throttle(FIVE_MINUTES, 10_000, self.clock),
            frequency=None,
            mark="__paged__",
            clock=self.clock,
        )
        backlog = Backlog(Retry(), random=lambda: 0.5)
        self.queue = Queue(backlog, Budget(100), 1_000, self.clock)

    def clock(self) -> float:
        return self.now

    def log(
        self,
        words: object,
        *args: object,
        logger: str = "web",
        path: str = "/srv/app/web.py",
        line: int = 10,
        function: str = "answer",
        level: int = logging.ERROR,
        error: BaseException | None = None,
        **extra: object,
    ) -> Pending | None:
        """Log; return the event that it calls for."""
        raised = (type(error), error, None) if error else None
        record = logging.LogRecord(logger, level, path, line, words, args, raised, function)
        record.__dict__.update(extra)
        occurrence = self.pipeline.capturing.capture(record, None, [])
        assert occurrence is not None
        pending = self.pipeline.decide(occurrence)
        occurrence.original = None
        if pending is not None:
            self.queue.enter(pending)
        return pending

    def pages(self, seconds: float) -> list[Trigger]:
        """Let so many seconds pass; return what was sent to PagerDuty, which takes a moment for each."""
        until, sent = self.now + seconds, []
        while self.now < until:
            pending, wait = self.queue.next()
            if pending is None:
                self.now = min(until, self.now + (seconds if wait is None else wait))
                continue
            event = pending.body.compose()
            assert isinstance(event, Trigger)
            sent.append(event)
            self.now += 0.02
            self.queue.conclude(pending, None)
            self.queue.sending = None
        return sent


def summaries(pages: list[Trigger]) -> list[str]:
    return [page.summary for page in pages]


def test_an_error_of_another_logger_arrives_at_once_while_a_client_sends_thousands_of_words() -> None:
    program = Program()
    for word in WORDS:
        program.log(word)
    program.log("the database is down", logger="db", path="/srv/app/db.py", line=5)
    assert "the database is down" in summaries(program.pages(2.0))
    pages = program.pages(60.0)
    (shared,) = [page for page in pages if "more different messages of this line" in page.summary]
    assert shared.summary.startswith(f"{len(WORDS) - 50:,} more different messages of this line (web.py:10)")
    assert shared.custom_details["more_different_messages"] == f"{len(WORDS) - 50:,}"
    assert shared.custom_details["examples"] == WORDS[-10:]
    assert shared.custom_details["occurrences"] == len(WORDS) - 50


@pytest.mark.parametrize("lines", [2, 4, 30])
def test_a_flood_of_several_lines_that_has_used_up_the_minute_does_not_delay_another_line(lines: int) -> None:
    program = Program()
    for word in WORDS:
        for line in range(lines):
            program.log(word, logger=f"web.{line}", line=line)
    assert len(program.pages(10.0)) >= 80
    program.log("the database is down", logger="db", path="/srv/app/db.py", line=5)
    assert summaries(program.pages(2.0)) == ["the database is down"]


def test_a_flood_of_keys_of_the_applications_own_does_not_delay_another_line() -> None:
    program = Program()
    for word in WORDS:
        program.log("refused", pagerduty={"dedup_key": word})
    assert len(program.pages(10.0)) == 80 + 1  # and the summary of what was left out
    program.log("the database is down", logger="db", path="/srv/app/db.py", line=5)
    assert summaries(program.pages(2.0)) == ["the database is down"]
    program.log("the disk is full", level=logging.CRITICAL)
    assert summaries(program.pages(2.0)) == ["the disk is full"]


def test_a_client_that_names_a_logger_each_time_floods_one_line() -> None:
    program = Program()
    for word in WORDS:
        program.log("bad request", logger=f"client.{word}")
    program.log("the database is down", logger="db", path="/srv/app/db.py", line=5)
    pages = summaries(program.pages(60.0))
    assert "the database is down" in pages[:3]
    assert len(pages) == 52
    assert sum("more different messages of this line (web.py:10)" in page for page in pages) == 1


def test_a_flood_of_critical_words_does_not_keep_back_an_error_of_another_line() -> None:
    program = Program()
    for word in WORDS:
        program.log(word, level=logging.CRITICAL)
    assert len(program.pages(10.0)) >= 85
    program.log("the database is down", logger="db", path="/srv/app/db.py", line=5)
    assert summaries(program.pages(2.0)) == ["the database is down"]
    program.log("the disk is full", logger="disk", path="/srv/app/db.py", line=6, level=logging.CRITICAL)
    assert summaries(program.pages(2.0)) == ["the disk is full"]


def test_a_flood_of_critical_words_does_not_push_out_a_warning_of_another_line() -> None:
    program = Program()
    warning = {"pagerduty": {"severity": "warning"}}
    program.log("the disk is nearly full", logger="disk", path="/srv/app/db.py", line=6, **warning)
    for word in WORDS:
        program.log(word, level=logging.CRITICAL)
    assert "the disk is nearly full" in [
        pending.body.compose().summary for pending in program.queue.waiting()
    ]


def test_one_line_costs_fifty_one_alerts_however_long_the_flood_lasts() -> None:
    program = Program()
    keys = set()
    words = itertools.cycle(WORDS)
    for _ in range(4):
        for word in itertools.islice(words, 600):
            program.log(f"{word} is no number")
            program.now += 1.0
        keys |= {page.dedup_key for page in program.pages(0.001)}
    keys |= {page.dedup_key for page in program.pages(60.0)}
    assert len(keys) == 51


def test_a_flood_that_goes_on_is_reported_again_with_what_came_since() -> None:
    program = Program()
    for word in WORDS[:100]:
        program.log(word)
    program.pages(10.0)
    for word in WORDS[100:900]:
        program.now += 1.0
        program.log(word)
    pages = program.pages(10.0)
    told = [page for page in pages if "of this line" in page.summary]
    assert told
    assert told[-1].custom_details["suppressed"] > 100


def test_once_it_calms_the_line_pages_for_a_new_problem_by_its_own_words() -> None:
    program = Program()
    for word in WORDS:
        program.log(word)
    program.pages(10.0)
    program.now += FIVE_MINUTES
    program.log("the certificate has expired")
    assert summaries(program.pages(2.0)) == ["the certificate has expired"]


def test_a_critical_record_of_the_flooded_line_pages_by_its_own_words() -> None:
    program = Program()
    for word in WORDS:
        program.log(word)
    program.log("the disk is full", level=logging.CRITICAL)
    assert summaries(program.pages(2.0))[0] == "the disk is full"


def test_records_with_their_own_key_never_share_an_alert() -> None:
    program = Program()
    keys = [f"order {word}" for word in WORDS[:200]]
    for key in keys:
        program.log("lost", pagerduty={"dedup_key": key})
    assert {page.dedup_key for page in program.pages(300.0)} == set(keys)


def test_with_a_fingerprint_function_the_application_says_what_one_problem_is() -> None:
    program = Program(fingerprint=lambda record: record.getMessage())
    for word in WORDS[:200]:
        program.log(word)
    assert {page.dedup_key for page in program.pages(300.0)} == set(WORDS[:200])


def test_two_lines_of_one_logger_flood_each_for_itself() -> None:
    program = Program()
    for word in WORDS:
        program.log(word, line=10)
    program.log("the cache is cold", line=99)
    assert "the cache is cold" in summaries(program.pages(2.0))


def test_records_with_an_unknown_line_share_no_alert() -> None:
    program = Program()
    told = [program.log(word, path="", line=0) for word in WORDS[:100]]
    assert None not in told
    assert len({pending.dedup_key for pending in told if pending}) == 100


def test_a_message_that_another_line_logs_too_is_not_taken_for_the_floods() -> None:
    """The client may send the very words of the problem that is to be hidden."""
    program = Program()
    for word in WORDS:
        program.log(word)
    for _ in range(3):
        program.log("the database is down")
    program.pages(10.0)
    assert "the database is down" not in program.pipeline.throttle.shortcuts.known.get("web", {})
    program.log("the database is down", line=77, function="connect")
    assert summaries(program.pages(2.0)) == ["the database is down"]


def test_the_examples_of_a_flood_hold_no_secret() -> None:
    program = Program()
    for word in WORDS[:60]:
        program.log(f"{word} password=hunter{word}")
    program.log("xyz\x1b[31m \u202eevil password=hunter2")
    (shared,) = [page for page in program.pages(60.0) if "more different" in page.summary]
    shown = str(shared)
    assert shared.custom_details["examples"]
    assert "hunter" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_the_alert_of_a_flood_has_one_key_in_every_process_and_another_in_staging() -> None:
    keys = set()
    for environment in (None, None, "staging"):
        program = Program()
        program.pipeline._flood_keys._identifier = Identifier(None, Redactor().key, environment=environment)
        told = [program.log(word) for word in WORDS[:51]]
        assert told[-1] is not None
        keys.add(told[-1].dedup_key)
    assert len(keys) == 2


def test_before_send_sees_the_alert_of_a_flood_and_may_drop_it() -> None:
    seen: list[str] = []

    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger | None:
        seen.append(trigger.summary)
        return None if "more different" in trigger.summary else trigger

    program = Program(before_send=before_send)
    for word in WORDS[:52]:
        program.log(word)
    assert len(program.pages(60.0)) == 50
    assert [words for words in seen if "more different message" in words]


def test_a_flood_whose_event_is_lost_pages_again() -> None:
    program = Program()
    told = [program.log(word) for word in WORDS[:51]]
    assert told[-1] is not None
    told[-1].settle(EventOutcome.LOST)
    assert program.log(WORDS[52]) is not None


def test_a_fork_and_a_test_know_of_no_flood() -> None:
    program = Program()
    for word in WORDS:
        program.log(word)
    program.pipeline.reset()
    told = program.log("a new problem")
    assert told is not None
    assert told.body.compose().summary == "a new problem"  # type: ignore[union-attr]


# One dead database behind many functions


def refused(n: int) -> ConnectionError:
    return ConnectionError(f"connection to db:5432 refused after 3.{n} s")


@pytest.mark.parametrize(
    "call",
    [
        lambda program, n, **place: program.log(refused(n), **place),
        lambda program, n, **place: program.log(str(refused(n)), **place),
        lambda program, n, **place: program.log("Error: %s", refused(n), **place),
        lambda program, n, **place: program.log("failed", error=refused(n), **place),
    ],
)
def test_one_dead_database_behind_a_hundred_functions_is_one_storm(call: Callable[..., object]) -> None:
    program = Program()
    for n in range(100):
        call(program, n, path=f"/srv/app/m{n}.py", function=f"load_{n}", line=n + 1)
        program.now += 0.02
    pages = program.pages(30.0)
    assert len(pages) == 6
    (storm,) = [page for page in pages if "a storm" in page.summary]
    assert "95 more functions report the same" in storm.summary
    assert "refused after" in storm.summary
    assert storm.custom_details["functions"] == [f"load_{n} (m{n}.py)" for n in range(5, 100)]
    assert storm.custom_details["alerts_of_their_own"] == [f"load_{n} (m{n}.py)" for n in range(5)]


def test_other_exceptions_behind_the_same_words_are_other_problems() -> None:
    program = Program()
    for n, word in enumerate(WORDS[:40]):
        error = RuntimeError(f"the {word} is broken")
        program.log("failed", error=error, path=f"/srv/app/m{n}.py", function=f"load_{n}")
    assert not [page for page in program.pages(60.0) if "a storm" in page.summary]


def test_equal_texts_that_come_one_by_one_are_not_a_storm() -> None:
    program = Program()
    for n in range(20):
        program.log("timed out", path=f"/srv/app/m{n}.py", function=f"load_{n}")
        program.now += 16.0
    assert len({page.dedup_key for page in program.pages(60.0)}) == 20


def test_equal_texts_of_one_function_are_not_a_storm() -> None:
    program = Program()
    told = [program.log("job 7 failed", logger=f"worker.{word}") for word in WORDS[:20]]
    assert len({pending.dedup_key for pending in told if pending}) == 20


def test_an_event_that_waits_takes_less_than_3500_bytes_with_all_that_is_known_of_its_problem() -> None:
    program = Program()
    program.log(WORDS[0], line=1)  # what is made for the first alone
    tracemalloc.start()
    try:
        for number, word in enumerate(WORDS[1:901], 2):
            program.log(word, line=number)
        program.queue.take_in()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(program.queue.waiting()) == 901
    assert taken / 900 < 2_100
