"""Lines that log what others raised: their keys tell what failed and where."""

import asyncio
import concurrent.futures
import logging
import multiprocessing
import os
import subprocess
import sys
import types

import pytest

from pagerduty_logging.fingerprinting import Fingerprinter, explain, fingerprint
from pagerduty_logging.fingerprinting.failure import joined_of
from tests.fingerprinting.fingerprinting_records import logged, made, queued

LIBRARY = "/venv/lib/python3/site-packages/server/app.py"


def library(code):
    """The functions of CODE, as if they were installed."""
    names: dict[str, object] = {"__name__": "server.app"}
    exec(compile(code, LIBRARY, "exec"), names)
    return types.SimpleNamespace(**names)


server = library(
    """
import logging

class ToolError(Exception):
    pass

def call(function, *args):
    return function(*args)

def call_and_wrap(function):
    try:
        return function()
    except Exception as error:
        raise ToolError("a tool failed") from error

def call_and_report(function):
    try:
        call_and_wrap(function)
    except ToolError:
        logging.getLogger("sites").exception("Tool %r raised", "a name")

def call_and_tell(function):
    import traceback
    try:
        function()
    except Exception:
        told = ToolError(f"(500) it broke\\n{traceback.format_exc()}\\nwhile running a step")
    logging.getLogger("sites").error("Exception in do_progress", exc_info=told)

def call_worker(function):
    import traceback
    try:
        function()
    except Exception:
        text = traceback.format_exc()
    raise ToolError(f"An exception was thrown from the worker:\\n{text}")

def call_raise_and_tell(function):
    import traceback
    try:
        try:
            function()
        except Exception:
            text = traceback.format_exc()
        raise ToolError(f"Stacktrace: {text}")
    except ToolError:
        logging.getLogger("sites").exception("Exception in do_progress")

def call_and_handle(function, handler):
    try:
        function()
    except Exception as error:
        handler(error)
"""
)


def orders():
    raise KeyError("id")


def stock():
    raise KeyError("id")


def prices():
    raise ValueError("id")


def deep():
    orders()


APPLICATION = (orders, stock, prices)


def keys_of(run, functions=APPLICATION):
    return [fingerprint(logged(run, function)[0]) for function in functions]


def middleware(function):
    try:
        server.call(function)
    except Exception:
        _log.exception("unhandled error in %s", "/x")


def handled(function):
    def handler(error):
        _log.error("unhandled error in %s", "/x", exc_info=error)

    server.call_and_handle(function, handler)


def handled_in_words(function):
    def handler(error):
        _log.error(f"unhandled error in {'/x'}", exc_info=error)

    server.call_and_handle(function, handler)


def gathered(function):
    async def fail():
        function()

    async def main():
        [error] = await asyncio.gather(fail(), return_exceptions=True)
        _log.error("worker stopped", exc_info=error)

    asyncio.run(main())


_log = logging.getLogger("sites")


@pytest.mark.parametrize("run", [middleware, handled, handled_in_words, gathered], ids=lambda f: f.__name__)
def test_a_catch_all_distinguishes_what_libraries_hand_it(run):
    first, other_function, other_type = keys_of(run)
    assert len({first, other_function, other_type}) == 3
    assert keys_of(run) == [first, other_function, other_type]
    assert not Fingerprinter().identify(logged(run, orders)[0]).by_message


def test_what_a_library_wraps_before_it_reports_it_is_distinguished_by_what_it_wraps():
    keys = keys_of(server.call_and_report, (*APPLICATION, deep))
    assert len(set(keys)) == 3
    assert keys[3] == keys[0]
    records = [logged(server.call_and_report, function)[0] for function in APPLICATION]
    assert explain(records[2]).joined == ("exception=ValueError", f"function={__name__}.prices")
    assert len({fingerprint(queued(record)) for record in records}) == 3
    assert explain(queued(records[2])).joined == ("exception=ValueError", "function=test_reporters.prices")


@pytest.mark.parametrize("tell", [server.call_and_tell, server.call_raise_and_tell])
def test_what_a_library_only_puts_into_an_exceptions_text_distinguishes_its_reports(tell):
    keys = keys_of(tell, (*APPLICATION, deep))
    assert len(set(keys)) == 3
    assert keys[3] == keys[0]
    records = [logged(tell, function)[0] for function in APPLICATION]
    assert explain(records[2]).joined == ("exception=ValueError", "function=test_reporters.prices")


def test_a_worker_whose_traceback_is_in_an_exceptions_text_distinguishes_what_nobody_caught():
    def ask(function):
        server.call_worker(function)

    def uncaught(function):
        try:
            ask(function)
        except Exception as error:
            return made("Uncaught exception", exc_info=error, _pagerduty_uncaught=True, pathname=LIBRARY)

    records = [uncaught(function) for function in (*APPLICATION, deep)]
    keys = [fingerprint(record) for record in records]
    assert len(set(keys)) == 3
    assert keys[3] == keys[0]
    assert explain(records[2]).joined == ("exception=ValueError", "function=test_reporters.prices")


def test_a_quick_look_at_a_report_distinguishes_what_is_in_an_exceptions_text():
    records = [logged(server.call_raise_and_tell, function)[0] for function in APPLICATION]
    assert all(joined_of(record) in (None, explain(record).joined) for record in records)


def test_what_an_application_wraps_itself_is_distinguished_by_the_wrapper():
    def pay():
        try:
            prices()
        except ValueError as error:
            raise LookupError("no price") from error

    [record] = logged(server.call_and_report, pay)
    kind, function = explain(record).joined
    assert kind == "exception=LookupError"
    assert function.endswith(".pay")
    assert explain(queued(record)).joined == (kind, "function=test_reporters.pay")


def test_an_ordinary_except_keeps_its_template():
    def pay(function):
        try:
            function()
        except Exception:
            _log.exception("payment failed")

    assert len(set(keys_of(pay, (*APPLICATION, deep)))) == 1
    [record] = logged(pay, deep)
    assert Fingerprinter().identify(record).by_message
    assert fingerprint(queued(record)) == fingerprint(record)


def test_an_except_around_a_library_that_fails_itself_keeps_its_template():
    def read(text):
        try:
            server.call(int, text)
        except ValueError:
            _log.exception("cannot read the price")

    assert len({fingerprint(record) for record in logged(read, "x", "y")}) == 1
    assert explain(logged(read, "x")[0]).joined == ()


def test_a_catch_all_behind_a_queue_distinguishes_failures():
    records = [queued(logged(middleware, function)[0]) for function in APPLICATION]
    assert len(set(map(fingerprint, records))) == 3


def test_asyncio_reports_for_the_tasks_whose_failures_it_logs_from_any_line():
    """As under uvloop, which has no frames: the line is the bystander's that runs the loop."""

    def key(function):
        async def task():
            function()

        async def main():
            [error] = await asyncio.gather(task(), return_exceptions=True)
            return error

        error = asyncio.run(main())
        info = (type(error), error, error.__traceback__)
        text = f"Task exception was never retrieved\nfuture: <Task finished name='Task-{id(error)}'>"
        return fingerprint(made(text, name="asyncio", path=__file__, line=7, func="run", exc_info=info))

    assert key(orders) == key(orders)
    assert len({key(orders), key(stock), key(prices)}) == 3


def test_asyncio_reports_for_the_futures_that_were_given_exceptions_which_nobody_raised():
    def key(error):
        text = "Future exception was never retrieved"
        return fingerprint(made(text, name="asyncio", exc_info=(type(error), error, None)))

    assert key(KeyError("a")) == key(KeyError("b")) != key(OSError("a"))
    group = ExceptionGroup("all", [KeyError("a")])
    assert (
        key(group) == key(ExceptionGroup("all", [KeyError("b")])) != key(ExceptionGroup("all", [OSError()]))
    )


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_errors_from_a_pool_of_processes_are_distinguished_by_the_workers_function():
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fork) as pool:
        errors = [pool.submit(function).exception() for function in APPLICATION]
    with fork.Pool(1) as workers:
        errors += [_raised(workers.apply_async(function).get) for function in APPLICATION]
    for of_one_pool in (errors[:3], errors[3:]):
        found = [explain(made(error)) for error in of_one_pool]
        assert [f.joined[1] for f in found] == ["function=orders", "function=stock", "function=prices"]
        assert len({f.key for f in found}) == 3

        def report(error):
            try:
                raise error
            except Exception:
                _log.exception("job failed")

        assert len({fingerprint(logged(report, error)[0]) for error in of_one_pool}) == 3


def _raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError


def test_each_task_of_djangos_is_a_problem_of_its_own():
    def key(task):
        return fingerprint(
            made(
                "Task id=%s path=%s state=%s",
                "5b1c",
                f"shop.tasks.{task}",
                "FAILED",
                name="django.tasks",
                path="/x/site-packages/django/tasks/signals.py",
                func="log_task_finished",
                exc_info=_info(orders),
            )
        )

    assert key("send") == key("send") != key("bill")


def _info(function):
    error = _raised(function)
    return type(error), error, error.__traceback__


PROGRAM = """
import logging, sys
from pagerduty_logging.fingerprinting import fingerprint

log = logging.getLogger(__name__)

class Print(logging.Handler):
    def emit(self, record):
        print(fingerprint(record))

class Refused(Exception): pass

def charge():
    raise LookupError("x")

def main():
    logging.getLogger().addHandler(Print())
    log.error("payment %s failed", 7)
    log.error(f"payment {7} is late")
    sys.excepthook = lambda *raised: logging.getLogger("x").critical("%s", "Uncaught", exc_info=raised)
    charge()

if __name__ == "__main__":
    main()
"""


def test_a_key_is_the_same_however_a_program_is_started(tmp_path):
    (tmp_path / "flow.py").write_text(PROGRAM)
    (tmp_path / "start").write_text("import flow\nflow.main()\n")
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "flow.py").write_text(PROGRAM)

    def keys(*command):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.pathsep.join(sys.path)}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert len(done.stdout.split()) == 3, done.stderr
        return done.stdout.split()

    assert keys("flow.py") == keys("-m", "flow") == keys("start")
    assert keys("pkg/flow.py") == keys("-m", "pkg.flow") != keys("flow.py")


class RunError(Exception):
    """What nbclient or papermill raise for a cell that failed: its exception by name, its frames as text."""

    def __init__(self, ename: str, frames: str) -> None:
        super().__init__(f"\n----\n{ename}    Traceback (most recent call last)\n{frames}\n{ename}: boom")
        self.ename = ename


def run_notebook(ename: str, frames: str) -> None:
    raise RunError(ename, frames)


PAY = "Cell In[2], line 1\n----> 1 pay()\n\nFile ~/shop/bank.py:14, in pay(order)\n---> 14 raise"
SHIP = "Cell In[2], line 1\n----> 1 ship()\n\nFile ~/shop/bank.py:19, in ship(order)\n---> 19 raise"
IN_CELL = "Cell In[2], line 3, in audit()\n----> 3 raise"
BELOW = f"\n\nFile {os.path.dirname(os.__file__)}/json/decoder.py:355, in JSONDecoder.raw_decode(self, s)"
BELOW = BELOW.replace(os.path.expanduser("~"), "~")


def test_notebooks_that_fail_in_one_runner_are_problems_of_their_own():
    failures = [
        ("ValueError", PAY),
        ("KeyError", PAY),
        ("ValueError", SHIP),
        ("ValueError", IN_CELL),
        ("JSONDecodeError", PAY + BELOW),
        ("JSONDecodeError", SHIP + BELOW),
    ]

    def keys():
        found = []
        for failure in failures:
            with pytest.raises(RunError) as raised:
                server.call(run_notebook, *failure)
            record = logging.LogRecord("root", 50, LIBRARY, 3, "%s", ("Uncaught exception",), None, "call")
            record.exc_info = (RunError, raised.value, raised.value.__traceback__)
            found.append(fingerprint(record))
        return found

    assert len(set(keys())) == len(failures)
    assert keys() == keys()


def test_generated_code_of_a_library_is_the_librarys(tmp_path, monkeypatch):
    """As Sanic's `handle_request`, which is compiled with its name for a file's."""
    found = {"__name__": server.__name__}
    exec(compile("def serve(function):\n    function()", "serve", "exec"), found)

    def handle(function):
        try:
            found["serve"](function)
        except Exception as error:
            caught.append(error)
        _log.error("unhandled error in %s", "/x", exc_info=caught.pop())

    def guarded(function):
        try:
            found["serve"](function)
        except Exception:
            _log.exception("unhandled error in %s", "/x")

    caught: list[Exception] = []
    assert len(set(keys_of(guarded))) == len(APPLICATION)
    assert len(set(keys_of(handle))) == len(APPLICATION)
