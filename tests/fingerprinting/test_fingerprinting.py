"""Which records get one key, and which do not."""

import enum
import logging
import pathlib
import shutil
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pagerduty_logging
from pagerduty_logging.fingerprinting import (
    MAX_DEDUP_KEY_CHARS,
    SCHEME,
    Fingerprinter,
    Rule,
    explain,
    fingerprint,
)
from tests.fingerprinting import fingerprinting_call_sites as sites
from tests.fingerprinting.fingerprinting_records import logged, made, queued
from tests.reliability.programs import environment

WORDS = [
    "alice",
    "bob the builder",
    "42",
    "",
    "a'b\"c",
    "\u0661",
    "na\u00efve \U0001f600",
    "x\ny",
    "\ud800",
    "{}%s",
]
by_name = {"ids": lambda f: f.__name__}


class Text:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        if isinstance(self.text, BaseException):
            raise self.text
        return self.text


class Sly(dict):
    def get(self, *_):
        raise RuntimeError("no")


def failing(function):
    """`exc_info` of what FUNCTION raises."""
    try:
        function()
    except Exception:
        return sys.exc_info()
    raise AssertionError("nothing was raised")


# --- one problem, one key ------------------------------------------------------------------


@pytest.mark.parametrize("function", [*sites.INTERPOLATED, *sites.STABLE, *sites.EXCEPTIONS], **by_name)
def test_a_call_site_has_one_key_for_all_values(function):
    words = [w for w in WORDS if w] if function is sites.two_on_a_line else WORDS
    assert len({fingerprint(r) for r in logged(function, *words)}) == 1


def test_no_two_call_sites_share_a_key():
    keys = {f.__name__: {fingerprint(r) for r in logged(f, "alice")} for f in sites.ALL}
    assert len(set().union(*keys.values())) == len(keys)


@pytest.mark.parametrize("function", [*sites.INTERPOLATED, *sites.STABLE], **by_name)
def test_a_queue_that_merges_the_arguments_changes_no_key(function):
    for record in logged(function, "alice", "x\ny"):
        assert fingerprint(queued(record)) == fingerprint(record)


@pytest.mark.parametrize("function", [sites.with_exception, sites.text_of_exception], **by_name)
def test_a_traceback_that_a_queue_appended_changes_no_key(function):
    for record in logged(function, "alice"):
        merged = queued(record)
        assert "Traceback" in merged.msg
        assert fingerprint(merged) == fingerprint(record)


def test_branches_that_build_different_messages_have_different_keys():
    odd, even, odd_again = logged(sites.variable_of_two_branches, "abc", "ab", "a")
    assert fingerprint(odd) == fingerprint(odd_again) != fingerprint(even)


def test_the_logger_is_part_of_the_key():
    assert fingerprint(made("down", name="a")) != fingerprint(made("down", name="b"))


def test_the_level_line_and_path_are_not():
    here = made("payment %s failed", 1, path="/a/b.py", line=3)
    there = made("payment %s failed", 2, path="/c/d.py", line=9)
    there.levelno = logging.CRITICAL
    assert fingerprint(here) == fingerprint(there)


def test_arguments_keep_the_template_unmasked():
    assert explain(made("disk 7 of %s", "x")).template == "disk 7 of %s"
    assert explain(made("disk 7 of %s", "x")).rule is Rule.ARGUMENTS


def test_a_percent_template_has_the_same_key_with_and_without_its_source():
    [record] = logged(sites.arguments, "alice")
    bare = made(record.msg, *record.args, name=record.name)
    assert explain(record).rule is Rule.SOURCE
    assert fingerprint(bare) == fingerprint(record)


def test_an_event_dict_is_known_by_its_event():
    first = made({"event": "payment refused", "order": 1})
    other = made({"event": "payment lost", "order": 1})
    rendered = made('{"order": 2, "event": "payment refused"}')
    assert fingerprint(first) == fingerprint(rendered) != fingerprint(other)


# --- exceptions ----------------------------------------------------------------------------


def test_messages_that_are_only_an_exception_differ_by_its_type():
    assert fingerprint(made(LookupError("gone"))) != fingerprint(made(ValueError("gone")))
    assert explain(made(LookupError("row 17"))).template == "row <*>"


@pytest.mark.parametrize("msg", ["%s", "", "%s: %r"])
def test_a_template_without_a_word_takes_the_exceptions_type_and_function_in(msg):
    def first():
        raise KeyError(1)

    def second():
        raise KeyError(1)

    def third():
        raise ValueError(1)

    args = (1,) * msg.count("%")
    keys = {fingerprint(made(msg, *args, exc_info=failing(f))) for f in (first, second, third, third)}
    assert len(keys) == 3


def test_a_message_that_repeats_the_exception_takes_its_type_in():
    info = failing(lambda: [][1])
    repeated = explain(made(str(info[1]), exc_info=info))
    assert "exception=IndexError" in repeated.joined
    assert explain(made("cannot start", exc_info=info)).joined == ()


def test_an_uncaught_exception_hook_does_not_share_one_key_for_all_crashes():
    script = """
import logging, sys
from pagerduty_logging.fingerprinting import fingerprint
def hook(kind, value, traceback):
    r = logging.makeLogRecord(
        {"name": "x", "msg": "Uncaught exception", "exc_info": (kind, value, traceback),
         "pathname": __file__, "lineno": 5, "funcName": "hook"})
    print(fingerprint(r))
sys.excepthook = hook
def boom(): raise %s("17")
boom()
"""
    keys = {
        subprocess.run(
            [sys.executable, "-c", "__file__ = 'x.py'" + script % kind],
            capture_output=True, text=True, check=False,
        ).stdout.strip()
        for kind in ("KeyError", "ValueError", "ValueError")
    }  # fmt: skip
    assert len(keys) == 2
    assert all(keys)


def test_a_thread_that_dies_is_distinguished_from_another():
    keys = []

    def hook(args):
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        keys.append(fingerprint(made("Thread died", exc_info=info, func="hook")))

    before, threading.excepthook = threading.excepthook, hook
    try:
        for target in (lambda: {}[1], lambda: [][1], lambda: [][1]):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    finally:
        threading.excepthook = before
    assert keys[0] != keys[1] == keys[2]


def test_django_request_records_are_distinguished_by_exception_and_not_by_path():
    def view():
        raise KeyError("a")

    def other_view():
        raise KeyError("a")

    def record(function, path):
        return made(
            "%s: %s", "Internal Server Error", path, name="django.request",
            exc_info=failing(function), func="log_response",
            path="/x/site-packages/django/utils/log.py",
        )  # fmt: skip

    first = fingerprint(record(view, "/cart/17"))
    assert fingerprint(record(view, "/cart/alice")) == first
    assert fingerprint(record(other_view, "/cart/17")) != first
    assert fingerprint(record(lambda: [][1], "/cart/17")) != first


def test_django_crashes_without_a_line_of_the_applications_are_distinguished_by_view():
    class Request:
        def __init__(self, view):
            self.resolver_match = type("Match", (), {"_func_path": view})()

    def key(view, code="raise LookupError"):
        library = compile(code, "/x/site-packages/django/template/loader.py", "exec")
        kind, error, traceback = failing(lambda: exec(library))
        while traceback.tb_frame.f_code is not library:
            traceback = traceback.tb_next
        return fingerprint(
            made(
                "%s: %s",
                "Internal Server Error",
                "/x",
                name="django.request",
                func="log_response",
                path="/x/site-packages/django/utils/log.py",
                request=Request(view),
                exc_info=(kind, error.with_traceback(traceback), traceback),
            )
        )

    first = key("shop.views.Orders")
    assert key("shop.views.Orders") == first
    assert key("shop.views.Stock") != first
    assert key("shop.views.Orders", "raise TypeError") != first


def test_django_answers_that_are_failures_are_distinguished_by_view_and_reason_and_not_by_path():
    class Request:
        def __init__(self, view):
            self.resolver_match = type("Match", (), {"_func_path": view})()

    def key(view, path, reason="Internal Server Error"):
        return fingerprint(made("%s: %s", reason, path, name="django.request", request=Request(view)))

    first = key("shop.views.pay", "/cart/alice smith")
    assert key("shop.views.pay", "/") == first
    assert key("shop.views.ship", "/") != first
    assert key("shop.views.pay", "/", "Service Unavailable") != first
    without_view = made("%s: %s", "Internal Server Error", "/x", name="django.request", request=None)
    assert fingerprint(without_view) != first


def test_a_library_that_reports_the_applications_crashes_distinguishes_them():
    def task():
        raise KeyError("a")

    def other_task():
        raise ValueError("a")

    def record(function, path):
        return made("Task %s raised", 1, exc_info=failing(function), path=path, func="report")

    runner = "/venv/lib/python3/site-packages/runner/app.py"
    assert fingerprint(record(task, runner)) != fingerprint(record(other_task, runner))
    own = "/srv/app/jobs.py"
    assert fingerprint(record(task, own)) == fingerprint(record(other_task, own))


def test_a_library_that_catches_and_reports_in_one_function_distinguishes_crashes():
    """As uvicorn does, whose line says no more than "Exception in ASGI application"."""
    server = "/venv/lib/python3/site-packages/server/protocol.py"
    names: dict[str, object] = {}
    exec(compile("def serve(view):\n    view()", server, "exec"), names)

    def record(view):
        exc_info = failing(lambda: names["serve"](view))
        return made("Exception in application", exc_info=exc_info, path=server, func="serve")

    def orders():
        raise KeyError("a")

    def stock():
        raise KeyError("a")

    assert fingerprint(record(orders)) == fingerprint(record(orders))
    assert fingerprint(record(orders)) != fingerprint(record(stock))


INSTALLED = {
    "rq/worker.py": """
import logging

def run(task):
    try:
        task()
    except Exception:
        logging.getLogger("rq").exception("A task failed")

def just(task):
    task()
""",
    "django/views.py": """
import logging

def show():
    raise LookupError("no template")

def respond(request):
    try:
        show()
    except LookupError as error:
        more = {"request": request}
        logging.getLogger("django.request").error("%s: %s", "Error", "/", exc_info=error, extra=more)
""",
    "shop.py": """
import json, logging, sys
from django import views
from rq import worker
from pagerduty_logging.fingerprinting import fingerprint

def order(): raise LookupError
def stock(): raise LookupError
def read_order(): json.loads("{")
def read_stock(): json.loads("{")

def carefully(task):
    try:
        worker.just(task)
    except Exception:
        logging.exception("cannot do it")

class Request:
    def __init__(self, view): self.resolver_match = Match(view)

class Match:
    def __init__(self, view): self._func_path = view

class Print(logging.Handler):
    def emit(self, record):
        print(fingerprint(record))

def main():
    logging.getLogger().addHandler(Print())
    for task in (order, order, stock, read_order, read_stock):
        worker.run(task)
    logging.getLogger("rq").error("A task failed")
    for task in (order, lambda: json.loads("{")):
        carefully(task)
    for view in ("shop.home", "shop.basket"):
        views.respond(Request(view))

def die():
    logging.getLogger().addHandler(Print())
    sys.excepthook = lambda *raised: logging.critical("%s", "Uncaught exception", exc_info=raised)
    globals()[sys.argv[1]]()

if __name__ == "__main__":
    main()
""",
}


@pytest.mark.parametrize("host", ["rq", "a_host_that_nobody_named"])
def test_crashes_of_an_application_that_is_installed_as_libraries_are_are_distinguished(tmp_path, host):
    site = tmp_path / "site-packages"
    shutil.copytree(
        pathlib.Path(pagerduty_logging.__file__).parent,
        site / "pagerduty_logging",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name, text in INSTALLED.items():
        path = site / name.replace("rq", host)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("rq", host))
    (tmp_path / "manage.py").write_text("import shop\nshop.main()\n")
    (tmp_path / "bin").mkdir()  # as of a virtual environment
    python = tmp_path / "bin" / "python"
    python.symlink_to(pathlib.Path(sys.executable).resolve())
    (tmp_path / "bin" / "shop").write_text("import shop\nshop.die()\n")

    def keys(*command):
        done = subprocess.run(
            [python, *command],
            cwd=tmp_path,
            env={**environment("http://127.0.0.1:9", measured=False), "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.stdout.split()

    order, again, stock, read_order, read_stock, bare, *careful, home, basket = keys("-m", "shop")
    assert order == again
    assert len({order, stock, read_order, read_stock, bare}) == 5
    assert careful[0] == careful[1]  # what the application itself reports keeps its own words
    assert home != basket  # without a line of the application, Django's view decides
    # A process that has loaded anything else may have its application there, as ever.
    assert keys("manage.py") == [bare] * 6 + [*careful, home, basket]
    assert keys(tmp_path / "bin" / "shop", "read_order") != keys(tmp_path / "bin" / "shop", "read_stock")


# --- the record's own key ------------------------------------------------------------------


def test_a_dedup_key_in_the_record_is_the_key():
    record = made("x", pagerduty={"dedup_key": "order-17"})
    assert fingerprint(record) == "order-17"
    assert explain(record).rule is Rule.DEDUP_KEY


def test_a_dedup_key_over_the_limit_is_hashed_into_it():
    long = ["k" * MAX_DEDUP_KEY_CHARS + end for end in ("a", "b")]
    keys = {fingerprint(made("x", pagerduty={"dedup_key": key})) for key in long}
    assert len(keys) == 2
    assert all(len(key) <= MAX_DEDUP_KEY_CHARS for key in keys)
    exact = "k" * MAX_DEDUP_KEY_CHARS
    assert fingerprint(made("x", pagerduty={"dedup_key": exact})) == exact


def test_a_dedup_key_is_the_one_that_is_sent(sandbox, make_handler):
    long, secret = "k" * 300, "password=hunter22abc"
    records = [made("x", pagerduty={"dedup_key": own}) for own in ("a\tb\nc", long, secret, "order-17")]
    records.append(made({"event": "x", "pagerduty": {"dedup_key": "of structlog"}}))
    records.append(made("x", extra={"pagerduty": {"dedup_key": "of loguru"}}))
    handler = make_handler()
    for record in records:
        handler.handle(record)
    assert handler.flush(20)
    assert [event["dedup_key"] for event in sandbox.events] == [fingerprint(record) for record in records]
    assert secret not in str(sandbox.events)
    assert fingerprint(made("x", pagerduty={"dedup_key": "na\u00efve key"})) == "na\u00efve key"


@pytest.mark.parametrize(
    "own", [None, False, 7, "key", [], {}, {"dedup_key": None}, {"dedup_key": 7},
            {"dedup_key": ""}, {"dedup_key": " "}, {"dedup_key": b"x"}], ids=repr,
)  # fmt: skip
def test_anything_odd_in_its_place_is_ignored(own):
    assert fingerprint(made("x", pagerduty=own)) == fingerprint(made("x"))


# --- what the handler may remember ---------------------------------------------------------


def test_a_key_of_name_and_message_alone_says_so():
    identify = Fingerprinter().identify
    assert identify(made("payment %s failed", 1)) == (
        fingerprint(made("payment %s failed", 2)),
        True,
    )
    assert identify(logged(sites.fstring, "x")[0]).by_message
    assert identify(logged(sites.arguments, "x")[0]).by_message
    assert identify(made("disk 7 full")).by_message


def test_a_key_that_depends_on_more_says_so():
    identify = Fingerprinter().identify
    for record in (
        made("x", pagerduty={"dedup_key": "k"}),
        made("%s", "x"),
        made(""),
        made(LookupError("x")),
        made({"event": "x"}),
        made("it broke", exc_info=failing(lambda: [][1]), path="/x/site-packages/lib.py"),
        *logged(sites.text_of_exception, "x"),
        *logged(sites.argument_exception, "x"),
        *logged(sites.bare_template_of_fstring, "x"),
    ):
        assert not identify(record).by_message, record
    assert not Fingerprinter(function_name=True).identify(made("x")).by_message
    assert not Fingerprinter(exception_type=True).identify(made("x")).by_message


# --- options -------------------------------------------------------------------------------


def test_the_exception_type_joins_in_on_request():
    by_type = Fingerprinter(exception_type=True)
    one = made("failed", exc_info=failing(lambda: [][1]), func="f")
    two = made("failed", exc_info=failing(lambda: {}[1]), func="f")
    assert fingerprint(one) == fingerprint(two)
    assert by_type(one) != by_type(two)


def test_the_function_name_joins_in_on_request():
    by_function = Fingerprinter(function_name=True)
    one, two = made("failed", func="f"), made("failed", func="g")
    assert fingerprint(one) == fingerprint(two)
    assert by_function(one) != by_function(two)


def test_the_source_of_the_template_can_be_chosen():
    [record] = logged(sites.fstring, "alice")
    rules = {
        choice: Fingerprinter(template_source=choice).explain(record) for choice in ("source", "mask", "raw")
    }
    assert rules["source"].template == "User {} not found in ledger"
    assert rules["mask"].template == "User <*> not found in <*>"
    assert rules["raw"].template == "User alice not found in ledger"


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("exception_type", 1, TypeError),
        ("function_name", "yes", TypeError),
        ("template_source", None, TypeError),
        ("template_source", "magic", ValueError),
    ],
)
def test_a_wrong_option_is_named(option, value, error):
    with pytest.raises(error, match=option):
        Fingerprinter(**{option: value})


# --- hostile records -----------------------------------------------------------------------

ODD = [
    None, 7, 10**5000, b"raw \xff", bytearray(b"x"), Text("lazy 12"), Text(RuntimeError()), Text(7),
    "", " ", "\ud800", "%", "100% sure", "a" * 1_000_000, "1" * 100_000, "(" * 50_000, "{" * 50_000,
    "\n" * 1_000_000, {"event": None}, {"event": Text(RuntimeError())}, {1: 2}, [], (), object,
    Sly(event="x"), enum.Enum("E", "A").A, float("nan"), BaseExceptionGroup("g", [KeyError(1)]),
]  # fmt: skip


@pytest.mark.parametrize("msg", ODD, ids=lambda m: type(m).__name__)
def test_every_message_has_a_key(msg):
    assert fingerprint(made(msg)).startswith(SCHEME)
    assert fingerprint(made(msg, func="f")) == fingerprint(made(msg, func="f"))


@pytest.mark.parametrize(
    "attribute", ["name", "msg", "args", "pathname", "lineno", "funcName", "exc_info", "levelno"]
)
@pytest.mark.parametrize(
    "value",
    [None, 7, "x", b"x", (), (1, 2, 3), {}, object(), Text(ValueError())],
    ids=lambda v: type(v).__name__,
)
def test_every_record_has_a_key(attribute, value):
    record = made("payment 7 failed")
    setattr(record, attribute, value)
    key = fingerprint(record)
    assert isinstance(key, str)
    assert 0 < len(key) <= MAX_DEDUP_KEY_CHARS
    delattr(record, attribute)
    assert fingerprint(record).startswith(SCHEME)
    assert explain(record).key == fingerprint(record)


def test_arguments_that_cannot_be_printed_have_a_key():
    assert fingerprint(made("%s", Text(RuntimeError()))).startswith(SCHEME)
    assert fingerprint(made("%d", "x")).startswith(SCHEME)
    assert fingerprint(made("%s", Text(7))).startswith(SCHEME)


def test_what_is_no_error_of_the_record_passes_through():
    with pytest.raises(KeyboardInterrupt):
        fingerprint(made(Text(KeyboardInterrupt())))


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_has_a_key_of_the_scheme(text, name):
    key = fingerprint(made(text, name=name))
    assert key.startswith(SCHEME)
    assert key.isascii()
    assert key == fingerprint(made(text, name=name))


def test_threads_agree():
    records = [r for f in sites.ALL for r in logged(f, "alice", "bob")]
    expected = [fingerprint(r) for r in records]
    got = []
    threads = [
        threading.Thread(target=lambda: got.append([fingerprint(r) for r in records])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 8
