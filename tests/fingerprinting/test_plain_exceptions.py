"""The key of a record is the same whether it is found from its exception or from what was noted of that."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging.fingerprinting import Fingerprinter, token_of
from pagerduty_logging.fingerprinting.plain_exceptions import MAX_FRAMES, plain, record_with

from .test_tokens import LOGGERS, WORDS, Grab

PROGRAM = """
import asyncio, cachetools, concurrent.futures, functools, json, threading

class Declined(Exception): pass
class Worded(Exception):
    def __str__(self): return "its own words"
class Old(Exception):
    def __init__(self, words): super().__init__(words); self.exceptions = [KeyError(words)]
MADE = {"value": ValueError, "key": KeyError, "os": lambda words: OSError(2, words), "declined": Declined,
        "none": lambda words: RuntimeError(),
        "worded": Worded, "old": Old, "number": lambda words: LookupError(17),
        "unicode": lambda words: UnicodeDecodeError("utf-8", b"x", 0, 1, words)}
def made(kind, words): return MADE[kind](words)
def fail(error): raise error
def deeper(error, left=3): return fail(error) if left == 0 else deeper(error, left - 1)

# Each returns the exception as it was caught, or logs it where it was.
def here(log, error):
    try: raise error
    except Exception as caught: log(caught)
def helped(log, error):
    try: deeper(error)
    except Exception as caught: log(caught)
def kept(log, error):
    def keep():
        try: deeper(error)
        except Exception as caught: return caught
    log(keep())
def in_generator(log, error):
    def numbers():
        yield 1
        deeper(error)
    try: list(numbers())
    except Exception as caught: log(caught)
def in_comprehension(log, error):
    try: [fail(error) for _ in (1,)]
    except Exception as caught: log(caught)
def in_coroutine(log, error):
    async def work(): await asyncio.sleep(0); deeper(error)
    try: asyncio.run(work())
    except Exception as caught: log(caught)
def of_task(log, error):
    async def work(): deeper(error)
    async def main():
        task = asyncio.ensure_future(work())
        await asyncio.wait([task])
        log(task.exception())
    asyncio.run(main())
def of_future(log, error):
    with concurrent.futures.ThreadPoolExecutor(1) as pool: future = pool.submit(deeper, error)
    log(future.exception())
def again(log, error):
    with concurrent.futures.ThreadPoolExecutor(1) as pool: future = pool.submit(deeper, error)
    try: future.result()
    except Exception as caught: log(caught)
def in_thread(log, error):
    thread = threading.Thread(target=here, args=(log, error)); thread.start(); thread.join()
def by_library(log, error):
    try: cachetools.cached({})(lambda: deeper(error))()
    except Exception as caught: log(caught)
def by_standard_library(log, error):
    try: functools.reduce(lambda a, b: fail(error), [1, 2])
    except Exception as caught: log(caught)
def in_library(log, error):
    try: json.loads("{")
    except Exception as caught: log(caught)
def in_exec(log, error):
    try: exec("def nameless(): deeper(error)\\nnameless()", {"deeper": deeper, "error": error})
    except Exception as caught: log(caught)
def after_another(log, error):
    try:
        try: raise KeyError("before")
        except KeyError: deeper(error)
    except Exception as caught: log(caught)
def from_none(log, error):
    try:
        try: raise KeyError("before")
        except KeyError: raise error from None
    except Exception as caught: log(caught)
def with_cause(log, error):
    try: raise error from KeyError("before")
    except Exception as caught: log(caught)
def once_more(log, error):
    try:
        try: deeper(error)
        except Exception: raise
    except Exception as caught: log(caught)
def grouped(log, error):
    try: raise ExceptionGroup("several", [error])
    except Exception as caught: log(caught)
def very_deep(log, error):
    try: deeper(error, 100)
    except Exception as caught: log(caught)
def never_raised(log, error): log(error)
in_lambda = lambda log, error: here(log, error)
class Service:
    def method(self, log, error):
        try: deeper(error)
        except Exception as caught: log(caught)
method = Service().method
"""
WAYS = (
    "here", "helped", "kept", "in_generator", "in_comprehension", "in_coroutine", "of_task", "of_future",
    "again", "in_thread", "by_library", "by_standard_library", "in_library", "in_exec", "after_another",
    "from_none", "with_cause", "once_more", "grouped", "very_deep", "never_raised", "in_lambda", "method",
)  # fmt: skip
KINDS = ("value", "key", "os", "none", "declined", "worded", "old", "number", "unicode")
NOT_PLAIN = {"with_cause", "grouped", "very_deep", "never_raised"}

Log = Callable[[BaseException], None]
SAYS: dict[str, Callable[[logging.Logger, str], Log]] = {
    "words": lambda log, a: lambda e: log.error("payment failed", exc_info=e),
    "an f-string": lambda log, a: lambda e: log.error(f"payment {a} failed", exc_info=e),
    "a template": lambda log, a: lambda e: log.error("payment %s failed", a, exc_info=e),
    "its words": lambda log, a: lambda e: log.error(str(e), exc_info=e),
    "a word and its words": lambda log, a: lambda e: log.error(f"Failed: {e}", exc_info=e),
    "little": lambda log, a: lambda e: log.error("Error", exc_info=e),
    "no words": lambda log, a: lambda e: log.error("%s", a, exc_info=e),
    "nothing": lambda log, a: lambda e: log.error("", exc_info=e),
    "anything": lambda log, a: lambda e: log.error(a, exc_info=e),
}  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("program") / "shop.py"
    path.write_text(PROGRAM)
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(PROGRAM, str(path), "exec"), names)
    return names


def logged(
    program: dict[str, Any], way: str, say: str, kind: str, logger: str, word: str
) -> logging.LogRecord:
    log = logging.Logger(logger)
    grab = Grab()
    log.addHandler(grab)
    program[way](SAYS[say](log, word), program["made"](kind, word))
    (record,) = grab.records
    return record


def stand_in(record: logging.LogRecord) -> logging.LogRecord | None:
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    seen = plain(record.exc_info[1], record.exc_info[2])
    return None if seen is None else record_with({**record.__dict__, "exc_info": None}, seen)


records = st.tuples(
    st.sampled_from(WAYS),
    st.sampled_from(list(SAYS)),
    st.sampled_from(KINDS),
    st.sampled_from(LOGGERS),
    st.one_of(st.sampled_from(WORDS), st.text(max_size=20)),
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"exception_type": True, "function_name": True},
    {"template_source": "mask"},
    {"template_source": "raw"},
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records, min_size=1, max_size=5), st.sampled_from(OPTIONS), st.booleans())
def test_the_key_is_that_of_the_exception_itself(
    program: dict[str, Any], made: list[tuple[str, str, str, str, str]], options: dict[str, Any], later: bool
) -> None:
    known = Fingerprinter(**options)
    for way, say, kind, logger, word in made:
        record = logged(program, way, say, kind, logger, word)
        if later:
            direct = known.identify(record)
        other = stand_in(record)
        if other is None:
            continue
        found = known.identify(other)
        if not later:
            direct = known.identify(record)
        assert found == direct
        token = token_of(other)
        assert token is None or known.key_by(token) in (None, direct.key)


@pytest.mark.parametrize("way", WAYS)
def test_most_exceptions_need_not_be_looked_at_by_the_thread_that_logs(
    program: dict[str, Any], way: str
) -> None:
    record = logged(program, way, "an f-string", "value", "shop", "17")
    assert (stand_in(record) is None) == (way in NOT_PLAIN)


@pytest.mark.parametrize("kind", ["worded", "old", "unicode"])
def test_what_only_the_exception_itself_shows_is_read_at_once(program: dict[str, Any], kind: str) -> None:
    assert stand_in(logged(program, "helped", "words", kind, "shop", "17")) is None


def test_the_traceback_of_a_record_that_is_not_the_exceptions_own_is_not_taken_for_it(
    program: dict[str, Any],
) -> None:
    one = logged(program, "helped", "words", "value", "shop", "17").exc_info
    two = logged(program, "here", "words", "value", "shop", "17").exc_info
    assert one is not None
    assert two is not None
    assert one[1] is not None
    assert plain(one[1], two[2]) is None
    assert plain(one[1], None) is None


def test_no_frame_and_no_exception_is_kept_alive(program: dict[str, Any]) -> None:
    class Local:
        """Stands for what a frame of the application holds."""

    class Failed(Exception):
        pass

    def fail() -> None:
        local = Local()
        kept.append(weakref.ref(local))
        raise Failed("17")

    kept: list[weakref.ref[Any]] = []
    try:
        fail()
    except Failed as error:
        kept.append(weakref.ref(error))
        seen = plain(error, error.__traceback__)
    gc.collect()
    assert seen is not None
    assert len(seen.codes) == len(seen.modules) == 2 < MAX_FRAMES
    assert [one() for one in kept] == [None, None]
