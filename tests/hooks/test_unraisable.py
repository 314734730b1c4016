"""What failed where Python can only print: one name for it, whichever way the interpreter tells it."""

import gc
import logging
import sys
import weakref
from types import SimpleNamespace

import pytest

from pagerduty_logging import fingerprint, install_hooks
from pagerduty_logging.hooks.unraisable import failed


class Till:
    def __del__(self) -> None:
        raise ValueError("the till is open")


class Drawer:
    def closed(self, _: object) -> None:
        raise ValueError("the drawer is empty")

    def __call__(self, _: object) -> None:
        raise ValueError("the drawer is stuck")


def described(message: str | None, traceback: object = None) -> str:
    """What failed, as Python 3.14 and later tell it: in text alone."""
    return failed(SimpleNamespace(object=None, err_msg=message, exc_traceback=traceback))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("while calling deallocator <function Till.__del__ at 0x7f01>", "in Till.__del__"),
        (
            "while calling deallocator <function local.<locals>.Till.__del__ at 0x7f01>",
            "in local.<locals>.Till.__del__",
        ),
        ("while calling weakref callback <function <lambda> at 0x7f01>", "in <lambda>"),
        (
            "while calling weakref callback <bound method Drawer.closed of <shop.Drawer object at 0x1>>",
            "in Drawer.closed",
        ),
        ("while calling weakref callback <logging.Handler object at 0x7f01>", "in Handler"),
        ("while calling weakref callback functools.partial(<function f at 0x7f01>, 1)", "in partial"),
        ("while closing generator <generator object lines at 0x7f01>", "in lines"),
        ("while closing generator <coroutine object Shop.poll at 0x7f01>", "in Shop.poll"),
        ("while calling GC callback <function swept at 0x7f01>", "in swept"),
        ("on calling ctypes callback function <function told at 0x7f01>", "in told"),
        ("in thread started by <built-in function print>", "in print"),
        ("while finalizing file <_io.TextIOWrapper name='day.log' mode='w'>", "in TextIOWrapper"),
        ("while calling deallocator <class 'logging.Handler'>", "in Handler"),
        ("while clearing sys.modules", "while clearing sys.modules"),
        ("in tp_clear of Till", "in tp_clear of Till"),
        ("while clearing thread local <job 4711 at 0x7f01>", "while clearing thread local <job 4711>"),
        (None, ""),
    ],
)
def test_a_name_is_read_from_the_text_without_an_address(message: str | None, expected: str) -> None:
    assert described(None if message is None else f"Exception ignored {message}") == expected


def test_an_object_that_shows_itself_in_its_own_way_is_named_by_what_was_called() -> None:
    with pytest.raises(ValueError, match="stuck") as caught:
        Drawer()(None)
    called = caught.tb.tb_next  # Python calls it from no frame
    assert called is not None
    assert described("Exception ignored while calling weakref callback <job 4711>", called) == "in Drawer"


def test_text_of_any_length_is_read_quickly() -> None:
    for text in ("<" * 100_000, "a." * 100_000, "<function " * 20_000, "x(" * 100_000):
        assert len(described(f"Exception ignored while calling {text}")) <= 1_000


def test_each_finaliser_and_callback_is_a_problem_of_its_own_and_the_same_one_each_time() -> None:
    seen: list[logging.LogRecord] = []
    logger = logging.Logger("till")
    recorder = logging.Handler()
    recorder.emit = seen.append  # type: ignore[method-assign]
    logger.addHandler(recorder)
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with install_hooks(logger):
            for _ in range(2):
                Till()
                drawer, kept = Drawer(), Drawer()
                callbacks = [weakref.ref(drawer, kept.closed), weakref.ref(drawer, kept)]
                del drawer
                gc.collect()
                assert len(callbacks) == 2
    finally:
        sys.unraisablehook = before
    messages = [record.getMessage() for record in seen]
    assert sorted(set(messages)) == [
        "Uncaught exception in Drawer",
        "Uncaught exception in Drawer.closed",
        "Uncaught exception in Till.__del__",
    ]
    keys = {record.getMessage(): set() for record in seen}
    for record in seen:
        keys[record.getMessage()].add(fingerprint(record))
    assert [len(found) for found in keys.values()] == [1, 1, 1]
    assert len(set.union(*keys.values())) == 3
