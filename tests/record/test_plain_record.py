"""What is copied on the thread that logs and read in the worker, and what has to be read at once."""

import logging
import threading
from collections.abc import Iterator

import pytest

from pagerduty_logging.record.plain_record import MAX_BYTES, MAX_INTEGER, attributes_of, completed


class Speaks:
    """An object whose `__str__` is the application's code."""

    def __str__(self) -> str:
        return f"said on {threading.current_thread().name}"


class OwnRecord(logging.LogRecord):
    pass


def made(msg: object = "payment %s failed", args: object = (4711,), **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.ERROR, "/srv/shop.py", 7, msg, args, None)  # type: ignore[arg-type]
    record.__dict__.update(extra)
    return record


def test_a_copy_says_what_the_record_said_and_no_longer_changes_with_it() -> None:
    record = made(order="A-17")
    found = attributes_of(record)
    assert found is not None
    record.args = (4712,)
    copy = logging.makeLogRecord(found[0])
    assert copy.getMessage() == "payment 4711 failed"
    assert copy.__dict__["order"] == "A-17"
    assert copy.lineno == 7


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(made(args=(Speaks(),)), id="an object as argument"),
        pytest.param(made(Speaks(), ()), id="an object as message"),
        pytest.param(made("%(a)s", ({"a": 1},)), id="a dict as argument"),
        pytest.param(made(order=Speaks()), id="an object as extra"),
        pytest.param(made(order=["A-17"]), id="a list as extra"),
        pytest.param(made(name=["shop"]), id="a name that is none"),
        pytest.param(made(args=(MAX_INTEGER,)), id="a number as long as a text"),
        pytest.param(made("x" * MAX_BYTES, ()), id="a long message"),
        pytest.param(made(order="x" * MAX_BYTES), id="a long extra"),
        pytest.param(OwnRecord("shop", 40, "shop.py", 7, "failed", (), None), id="a class of the program's"),
    ],
)
def test_what_may_run_the_programs_code_or_is_big_is_read_at_once(record: logging.LogRecord) -> None:
    assert attributes_of(record) is None


@pytest.fixture
def factory_threads() -> Iterator[list[str]]:
    """The threads on which the application's record factory is called."""
    before = logging.getLogRecordFactory()
    called: list[str] = []

    def factory(*args: object, **kwargs: object) -> logging.LogRecord:
        called.append(threading.current_thread().name)
        return logging.LogRecord(*args, **kwargs)  # type: ignore[arg-type]

    logging.setLogRecordFactory(factory)
    yield called
    logging.setLogRecordFactory(before)


def test_the_worker_never_calls_the_programs_record_factory(sandbox, shop, factory_threads) -> None:
    shop.error("payment %s failed", 4711)
    assert shop.handlers[0].flush(30.0)
    assert [alert.summary for alert in sandbox.alerts] == ["payment 4711 failed"]
    assert set(factory_threads) == {threading.current_thread().name}


def test_an_object_is_rendered_on_the_thread_that_logs(sandbox, shop) -> None:
    shop.error("it says: %s", Speaks())
    assert shop.handlers[0].flush(30.0)
    assert [alert.summary for alert in sandbox.alerts] == [
        f"it says: said on {threading.current_thread().name}"
    ]


def test_a_record_of_make_log_record_is_named_by_its_level() -> None:
    record = logging.makeLogRecord({"msg": "the disk is full", "levelno": logging.ERROR})
    assert (record.levelname, completed(record).levelname, completed(record).name) == (
        "Level None",
        "ERROR",
        "root",
    )
