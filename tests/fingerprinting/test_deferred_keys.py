"""A key that is found later is found once; a thread that needs it earlier finds it itself."""

from __future__ import annotations

import logging
import pickle

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.fingerprinting import Fingerprinter
from pagerduty_logging.fingerprinting.deferred_keys import DeferredKeys
from pagerduty_logging.fingerprinting.plain_exceptions import plain
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.fingerprinting.results import Identity
from pagerduty_logging.record.occurrence import Occurrence, capture
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox


def raised() -> LookupError:
    try:
        raise LookupError("no such payment")
    except LookupError as error:
        return error


def record_of(error: BaseException) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__)
    return logging.LogRecord("shop", logging.ERROR, __file__, 1, "payment %s failed", (17,), info, "pay")


def deferred(keys: DeferredKeys, record: logging.LogRecord) -> tuple[Occurrence, list[str]]:
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    occurrence = capture(record)
    seen = plain(record.exc_info[1], record.exc_info[2])
    assert seen is not None
    assert occurrence.failure is not None
    return occurrence, keys.defer(occurrence, occurrence.failure, seen)


@pytest.mark.parametrize("first", ["a thread that sees the exception again", "the worker"])
def test_both_find_the_same_key(first: str) -> None:
    keys = DeferredKeys(Fingerprinter())
    record = record_of(raised())
    occurrence, holder = deferred(keys, record)
    found = [
        keys.key_in(holder) if first == "a thread that sees the exception again" else keys.key_of(occurrence),
        keys.key_of(occurrence),
        keys.key_in(holder),
    ]
    assert found == [Fingerprinter().identify(record).key] * 3
    assert holder == found[:1]


def test_nothing_is_kept_of_what_was_found() -> None:
    keys = DeferredKeys(Fingerprinter())
    for _ in range(3):
        keys.key_of(deferred(keys, record_of(raised()))[0])
    assert keys._waiting == {}


class Broken(Fingerprinter):
    def identify(self, record: logging.LogRecord) -> Identity:
        raise MemoryError


def test_a_key_that_cannot_be_found_is_made_of_the_words_and_nobody_waits_for_it() -> None:
    identifier = Identifier(None, str)
    identifier.fingerprinter = Broken()
    identifier._deferred = DeferredKeys(identifier.fingerprinter)
    record = record_of(raised())
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    occurrence = capture(record)
    holder = identifier.defer(occurrence, record.exc_info[1], record.exc_info[2])
    assert holder == []
    key = identifier.key_of(occurrence)
    assert key == identifier.identify(record, None, []).key
    assert holder == [key]
    assert identifier.deferred_key(holder) == key
    assert occurrence.defects == ["the problem could not be identified: MemoryError"]


def test_the_mark_of_another_process_has_no_key() -> None:
    keys = DeferredKeys(Fingerprinter())
    _, holder = deferred(keys, record_of(raised()))
    assert keys.key_in(list(holder)) is None
    keys.forget()
    assert keys.key_in(holder) is None


def test_an_exception_that_two_loggers_log_on_its_way_up_pages_once_and_can_be_pickled(
    sandbox: Sandbox,
) -> None:
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=sandbox.url)
    shop, web = logging.Logger("shop"), logging.Logger("shop.web")
    shop.addHandler(handler)
    web.addHandler(handler)
    copies = []

    def pay(number: int) -> None:
        try:
            raise ValueError(number)
        except ValueError as error:
            shop.exception("payment failed")
            copies.append(pickle.dumps(error))
            raise

    def serve(number: int) -> None:
        try:
            pay(number)
        except ValueError as error:
            web.exception("request failed")
            copies.append(pickle.dumps(error))

    for number in range(20):
        serve(number)
    assert handler.flush(30)
    handler.close()
    (alert,) = sandbox.alerts
    assert alert.summary.startswith("payment failed")
    assert handler.stats.suppressed == 39
    assert [pickle.loads(copy).args[0] for copy in copies[::2]] == list(range(20))
