"""A handler that a library removes when it configures logging: reported within seconds, put back if asked."""

import pytest

from pagerduty_logging.sandbox import Sandbox

from .conftest import summaries
from .programs import PRELUDE, Ended, run

MINE = (
    PRELUDE
    + """
import configparser, io
from logging.config import dictConfig, fileConfig
from pagerduty_logging import install_hooks
root = logging.getLogger()
made = handler()
root.addHandler(made)
def told(what):
    "Wait until a line that holds `what` was written."
    end = time.monotonic() + 30
    while not any(what in line for line in lines) and time.monotonic() < end:
        time.sleep(0.02)
    assert any(what in line for line in lines), lines
lines = []
class Stderr:
    def write(self, text): lines.append(text); sys.__stderr__.write(text)
    def flush(self): pass
sys.stderr = Stderr()
def file_config():
    config = configparser.ConfigParser()
    config.read_dict({
        "loggers": {"keys": "root"}, "handlers": {"keys": "console"}, "formatters": {"keys": ""},
        "logger_root": {"level": "WARNING", "handlers": "console"},
        "handler_console": {"class": "StreamHandler", "args": "(sys.stdout,)"},
    })
    fileConfig(config)
"""
)
SET_UPS = {
    "logging.config.dictConfig()": "dictConfig({'version': 1, 'root': {'handlers': []}})",
    "logging.config.fileConfig()": "file_config()",
    "logging.basicConfig(force=True)": "logging.basicConfig(force=True, stream=sys.stdout)",
}


def run_mine(program: str, pagerduty: Sandbox) -> Ended:
    return run(program, pagerduty.url, preload=MINE)


@pytest.mark.parametrize("function", SET_UPS)
def test_a_library_set_up_logging_and_nothing_pages_any_more(pagerduty: Sandbox, function: str) -> None:
    ended = run_mine(
        f"""
        {SET_UPS[function]}
        told("errors page nobody")
        assert {function!r} in made.stats.out_of_reach
        """,
        pagerduty,
    )
    assert ended.status == 0, ended.err
    (line,) = ended.err.splitlines()
    assert f"is attached to no logger any more, because of {function}, called at <string>:" in line
    assert "install_hooks(keep=[handler])" in line


@pytest.mark.parametrize("function", SET_UPS)
def test_a_handler_that_is_to_be_kept_is_put_back(pagerduty: Sandbox, function: str) -> None:
    ended = run_mine(
        f"""
        install_hooks(keep=[made])
        {SET_UPS[function]}
        told("put back to root")
        assert made.stats.out_of_reach is None
        root.error("after")
        """,
        pagerduty,
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["after"]


@pytest.mark.parametrize("function", SET_UPS)
def test_a_program_that_ends_soon_after_gets_the_notice_too(pagerduty: Sandbox, function: str) -> None:
    ended = run_mine(SET_UPS[function], pagerduty)
    assert ended.err.count("errors page nobody") == 1


@pytest.mark.parametrize("program", ["root.handlers.clear()", "logging.disable(logging.CRITICAL)"])
def test_clearing_handlers_or_disabling_logging_is_reported(pagerduty: Sandbox, program: str) -> None:
    ended = run_mine(
        f"""
        root.error("first")
        {program}
        told("errors page nobody")
        """,
        pagerduty,
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["first"]
    assert len(ended.err.splitlines()) == 1


CONFIGURED = """
root.removeHandler(made); made.close(); del made
dictConfig({"version": 1, "disable_existing_loggers": False,
            "handlers": {"pages": {"()": handler}}, "root": {"handlers": ["pages"]}})
"""
"""As most programs have it: nobody but logging holds the handler."""
THROWN_OUT = [*SET_UPS.values(), "root.handlers.clear()", "root.handlers = [logging.NullHandler()]"]


@pytest.mark.parametrize("throw_out", THROWN_OUT)
def test_a_handler_that_only_logging_held_says_so_and_pages_for_what_ends_the_program(
    pagerduty: Sandbox, throw_out: str
) -> None:
    program = f"""
{throw_out}
told("PagerDutyHandler 'pages' is attached to no logger")
from pagerduty_logging import handlers
[mine] = handlers()
assert "is attached to no logger" in mine.stats.out_of_reach
1 / 0
"""
    ended = run_mine(f"{CONFIGURED}\ninstall_hooks()\n{program}", pagerduty)
    assert "ZeroDivisionError" in ended.err
    assert summaries(pagerduty) == ["Uncaught exception: ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("throw_out", THROWN_OUT)
def test_a_short_program_without_hooks_reports_that_its_configured_handler_was_removed(
    pagerduty: Sandbox, throw_out: str
) -> None:
    ended = run_mine(f"{CONFIGURED}\n{throw_out}", pagerduty)
    assert ended.err.count("errors page nobody") == 1


def test_a_handler_that_is_configured_for_no_logger_is_reported(pagerduty: Sandbox) -> None:
    program = CONFIGURED.replace('"root": {"handlers": ["pages"]}', '"root": {"handlers": []}')
    assert run_mine(program, pagerduty).err.count("is attached to no logger: errors page nobody") == 1


def test_a_handler_behind_a_queue_of_the_applications_own_making_is_in_reach(pagerduty: Sandbox) -> None:
    ended = run_mine(
        """
        import queue
        from logging.handlers import QueueHandler, QueueListener
        class Queued(QueueHandler):
            def __init__(self, handlers):
                super().__init__(queue.Queue())
                self._mine = QueueListener(self.queue, *(handlers[i] for i in range(len(handlers))))
        root.removeHandler(made); made.close(); del made
        dictConfig({"version": 1, "handlers": {
            "pages": {"()": handler}, "queue": {"()": Queued, "handlers": ["cfg://handlers.pages"]},
        }, "root": {"handlers": ["queue"]}})
        """,
        pagerduty,
    )
    assert (ended.status, ended.err) == (0, "")


def test_a_handler_is_put_back_when_a_library_cleared_the_handlers(pagerduty: Sandbox) -> None:
    ended = run_mine(
        """
        install_hooks(keep=[made])
        root.error("first")
        root.handlers.clear()
        told("put back to root")
        root.error("second")
        """,
        pagerduty,
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["first", "second"]


@pytest.mark.parametrize(
    "throw_out",
    [*SET_UPS.values(), "root.handlers.clear()", "logging.disable(logging.CRITICAL)"],
)
def test_what_ends_the_program_pages_though_the_handler_was_removed(
    pagerduty: Sandbox, throw_out: str
) -> None:
    ended = run_mine(f"install_hooks()\n{throw_out}\n1 / 0", pagerduty)
    assert ended.status == 1
    assert summaries(pagerduty) == ["Uncaught exception: ZeroDivisionError: division by zero"]


@pytest.mark.parametrize(
    "program",
    [
        "root.removeHandler(made); made.close()",
        "made.close(); root.handlers.clear()",
        "root.handlers.clear(); root.addHandler(handler())",
        "dictConfig({'version': 1, 'handlers': {'again': {'()': handler}}, 'root': {'handlers': ['again']}})",
        "dictConfig({'version': 1, 'handlers': {}})",
        "logging.shutdown()",
        "pass",
    ],
)
def test_nothing_is_reported_if_all_is_as_the_application_wants_it(pagerduty: Sandbox, program: str) -> None:
    ended = run_mine(
        f"""
        root.error("first")
        assert made.flush(30)
        {program}
        for _ in range(3):
            made.lookout.look()
        made.lookout.report_undelivered()
        """,
        pagerduty,
    )
    ended.well()


def test_a_forked_child_leaves_the_reporting_to_its_parent(pagerduty: Sandbox) -> None:
    ended = run_mine(
        """
        logging.basicConfig(force=True, stream=sys.stdout)
        if os.fork() == 0:
            sys.exit()
        os.wait()
        """,
        pagerduty,
    )
    assert ended.err.count("errors page nobody") == 1
