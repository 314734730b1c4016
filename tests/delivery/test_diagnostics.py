"""The library's own words: one line, seldom, never a failure."""

import contextlib
import logging

import pytest

from pagerduty_logging import Retry
from pagerduty_logging.delivery.diagnostics import MAX_LINE, SILENCE, Diagnostics, counted, notices


def test_a_topic_is_spoken_of_once_a_minute_and_then_with_a_count():
    lines: list[str] = []
    now = 0.0
    diagnostics = Diagnostics(lines.append, clock=lambda: now)
    for _ in range(5):
        diagnostics.say("retry", "not reached")
    diagnostics.say("lost", "refused")
    now += SILENCE
    diagnostics.say("retry", "not reached")

    assert lines == [
        "pagerduty-logging: not reached\n",
        "pagerduty-logging: refused\n",
        "pagerduty-logging: not reached (and 4 more like this)\n",
    ]


def test_a_notice_is_one_line_of_bounded_length():
    lines: list[str] = []
    Diagnostics(lines.append).say("x", "a\r\nb\x1b[31m\u202ec" + "d" * 9_999)
    (line,) = lines
    assert line.startswith("pagerduty-logging: a b [31m c")
    assert len(line) <= MAX_LINE + len("pagerduty-logging: \n")


def test_a_broken_stderr_is_no_reason_to_fail():
    def broken(line: str) -> None:
        raise ValueError("I/O operation on closed file")

    Diagnostics(broken).say("x", "said")


def test_it_writes_to_stderr(capsys):
    Diagnostics().say("x", "said")
    assert capsys.readouterr().err == "pagerduty-logging: said\n"


def test_without_a_stderr_it_is_silent():
    with contextlib.redirect_stderr(None):
        Diagnostics().say("x", "unsaid")


def test_what_was_left_out_is_counted_in_words_at_the_end():
    lines: list[str] = []
    diagnostics = Diagnostics(lines.append, clock=lambda: 0.0)
    for _ in range(7):
        diagnostics.say("retry", "not reached")
    for topic in ("lost", "lost", "odd", "odd"):
        diagnostics.say(topic, "once")
    diagnostics.conclude()
    diagnostics.conclude()
    assert lines[3:] == [
        "pagerduty-logging: 6 similar messages about failed attempts, 1 similar message about events that "
        "were not delivered, 1 similar message about odd were not shown\n"
    ]


def test_one_that_was_not_shown_was_not_shown():
    lines: list[str] = []
    diagnostics = Diagnostics(lines.append, clock=lambda: 0.0)
    for _ in range(2):
        diagnostics.say("retry", "not reached")
    diagnostics.conclude()
    assert lines[1:] == ["pagerduty-logging: 1 similar message about failed attempts was not shown\n"]


@pytest.mark.parametrize(("number", "words"), [(0, "0 events"), (1, "1 event"), (1_234, "1,234 events")])
def test_a_count_agrees_with_its_noun(number: int, words: str):
    assert counted(number, "event") == words


def test_a_notice_is_known_however_it_comes_back() -> None:
    lines: list[str] = []
    Diagnostics(lines.append).say("retry", "PagerDuty is not reached, will try again: NetworkError")
    (line,) = lines
    assert notices.hold(line.strip())
    assert notices.hold(f"WARNING:stderr:{line}")
    assert not notices.hold("pagerduty-logging: what a customer wrote")
    assert not notices.hold("the database is down")


def test_a_program_whose_stderr_is_a_logger_does_not_page_for_our_notices(sandbox, make_handler) -> None:
    class Stderr:
        """What Twisted, Celery and Airflow make of stderr."""

        def write(self, text: str) -> None:
            for line in text.splitlines():
                logger.error(line)
                logger.error("%s", line)

        def flush(self) -> None:
            """Nothing is held back."""

    logger = logging.Logger("stderr")
    logger.addHandler(make_handler(retry=Retry(initial=0.01)))
    sandbox.fail_next(503)
    with contextlib.redirect_stderr(Stderr()):
        logger.error("the database is down")
        assert logger.handlers[0].flush(20)
    assert [alert.summary for alert in sandbox.alerts] == ["the database is down"]
