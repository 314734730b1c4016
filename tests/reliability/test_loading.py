"""What a page needs is loaded beside the program: whatever happens meanwhile, the page is delivered."""

import functools

import pytest

from pagerduty_logging.sandbox import Sandbox

from . import programs
from .conftest import summaries
from .programs import PRELUDE

run = functools.partial(programs.run, measured=False)

# Stops a thread that imports a part of urllib3 until it is to go on; but for a moment only.
STOPPED = (
    PRELUDE
    + """
import importlib.machinery
stopped, go_on = threading.Event(), threading.Event()
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name != "urllib3.connectionpool" or stopped.is_set():
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def stop(module):
            stopped.set()
            go_on.wait(HELD)
            execute(module)
        spec.loader.exec_module = stop
        return spec
sys.meta_path.insert(0, Stop())
HELD = 1.0
assert "requests" not in sys.modules
made = attached(spool=None)
assert "requests" not in sys.modules
"""
)


def test_it_is_loaded_a_second_after_the_handler_was_made_by_a_thread_that_ends(pagerduty: Sandbox) -> None:
    ended = run(
        """
        assert stopped.wait(30)
        go_on.set()
        while threading.active_count() > 1:
            time.sleep(0.01)
        assert "requests" in sys.modules
        assert made._delivery._current is None, "no worker without work"
        """,
        pagerduty.url,
        preload=STOPPED,
    )
    ended.well()
    assert summaries(pagerduty) == []


def test_a_program_that_ends_before_loads_nothing(pagerduty: Sandbox) -> None:
    ended = run(
        "atexit.register(lambda: print('requests' in sys.modules))",
        pagerduty.url,
        preload=STOPPED,
    )
    ended.well()
    assert ended.out == "False\n"


@pytest.mark.parametrize(
    "program",
    [
        "log.error('first')",
        "log.error('first'); assert stopped.wait(30)",
        "assert stopped.wait(30); log.error('first'); go_on.set()",
        "assert stopped.wait(30); log.error('first')",
        "atexit.register(log.error, 'first')",
        "assert stopped.wait(30); atexit.register(log.error, 'first')",
        "threading._register_atexit(log.error, 'first')",
        "threading.Timer(0.3, log.error, ['first']).start()",
        "assert stopped.wait(30); threading.Timer(0.3, log.error, ['first']).start()",
        "log.error('first'); sys.exit(0)",
        "signal.signal(signal.SIGTERM, lambda *_: (log.error('first'), sys.exit(0))); "
        "assert stopped.wait(30); os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)",
    ],
)
def test_an_exit_in_the_middle_of_it_delivers(pagerduty: Sandbox, program: str) -> None:
    ended = run(program, pagerduty.url, preload=STOPPED)
    ended.well()
    assert summaries(pagerduty) == ["first"]


def test_a_first_error_after_the_last_hook_delivers(pagerduty: Sandbox) -> None:
    before = PRELUDE.replace(
        "from pagerduty_logging", "atexit.register(lambda: log.error('first'))\nfrom pagerduty_logging"
    )
    ended = run("attached(spool=None)", pagerduty.url, preload=before)
    ended.well()
    assert summaries(pagerduty) == ["first"]


def test_an_exit_in_the_middle_of_it_with_nothing_to_send_is_quiet_and_quick(pagerduty: Sandbox) -> None:
    ended = run("HELD = 60.0; assert stopped.wait(30)", pagerduty.url, preload=STOPPED)
    ended.well()
    assert ended.seconds < 30


@pytest.mark.parametrize("moment", ["at once", "in the middle"])
def test_a_fork_delivers_and_python_warns_of_no_thread(pagerduty: Sandbox, moment: str) -> None:
    ended = run(
        f"""
        import warnings
        if {moment == "at once"}:
            go_on.set()
        else:
            assert stopped.wait(30)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            child = os.fork()
        assert "requests" in sys.modules, "children share what was loaded before"
        log.error("the child" if child == 0 else "the parent")
        assert made.flush(30)
        if child:
            assert os.waitpid(child, 0)[1] == 0
        """,
        pagerduty.url,
        preload=STOPPED,
    )
    ended.well()
    assert sorted(summaries(pagerduty)) == ["the child", "the parent"]


def test_a_child_of_a_fork_that_did_not_wait_for_it_delivers(pagerduty: Sandbox) -> None:
    ended = run(
        """
        HELD = 60.0
        assert stopped.wait(30)
        child = os.fork()
        go_on.set()
        log.error("the child" if child == 0 else "the parent")
        assert made.flush(30)
        if child:
            assert os.waitpid(child, 0)[1] == 0
        """,
        pagerduty.url,
        preload=STOPPED,
    )
    ended.well()
    assert sorted(summaries(pagerduty)) == ["the child", "the parent"]


def test_a_set_up_of_logging_that_imports_the_same_does_not_hang(pagerduty: Sandbox) -> None:
    ended = run(
        """
        go_on.set()
        def slow():
            time.sleep(1.5)  # the thread wants to load now, and waits
            import requests
            return logging.NullHandler()
        config = {"version": 1, "handlers": {"slow": {"()": slow}}, "root": {"handlers": ["slow"]}}
        logging.config.dictConfig(config)
        log.disabled = False
        log.addHandler(made)
        log.error("first")
        assert made.flush(30)
        """,
        pagerduty.url,
        preload=STOPPED,
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["first"]


def test_what_cannot_be_loaded_is_reported_and_loaded_with_the_first_page(pagerduty: Sandbox) -> None:
    ended = run(
        """
        class Broken:
            def find_spec(self, name, path=None, target=None):
                if name == "urllib3.connectionpool":
                    raise OSError(24, "Too many open files")
        broken = Broken()
        sys.meta_path.insert(0, broken)
        while threading.active_count() > 1:
            time.sleep(0.01)
        log.error("first")
        assert not made.flush(0.1)
        sys.meta_path.remove(broken)
        assert made.flush(30)
        """,
        pagerduty.url,
        preload=STOPPED.replace("spool=None", "spool=None, retry=Retry(initial=0.05, maximum=0.1)"),
    )
    assert ended.status == 0, ended.err
    assert "cannot load what a page needs, will try again with the first" in ended.err
    assert "Too many open files" in ended.err
    assert summaries(pagerduty) == ["first"]


def test_without_requests_the_handler_is_not_made(pagerduty: Sandbox) -> None:
    ended = run(
        """
        sys.modules["requests"] = None
        try:
            handler(spool=None)
        except ImportError as error:
            print(error)
        """,
        pagerduty.url,
    )
    assert ended.out == "no event can be sent without requests: install requests>=2.32.4\n", ended.err
