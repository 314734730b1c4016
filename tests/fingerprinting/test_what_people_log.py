"""Records as people really log them: each kind of fault that public reports show has its own key."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import traceback

import pytest

from pagerduty_logging.fingerprinting import Fingerprinter, Rule, explain, fingerprint, source
from tests.fingerprinting.fingerprinting_records import logged, made, queued

log = logging.getLogger("sites")
identify = Fingerprinter().identify


def read_price():
    raise KeyError("price")


def parse_price():
    raise ValueError("price")


def find_stock():
    raise KeyError("price")


FAILURES = (read_price, parse_price, find_stock)


def caught(function, report):
    """What REPORT logs of the exception that FUNCTION raises, in an `except`."""

    def run(_):
        try:
            function()
        except Exception as error:
            report(error)

    [record] = logged(run, 0)
    return record


def keys_of(report, functions=FAILURES):
    return [fingerprint(caught(function, report)) for function in functions]


# --- a printed traceback is an exception -------------------------------------------------------


def in_rows(_):
    log.error(traceback.format_exc())


def stripped(_):
    log.error(traceback.format_exc().strip())


def as_argument(_):
    log.error("import failed: %s", traceback.format_exc())


def in_an_fstring(_):
    log.error(f"import failed: {traceback.format_exc()}")


def behind_a_word(_):
    log.error("Error: " + traceback.format_exc())


def behind_a_line(_):
    log.error("Error:\n" + traceback.format_exc())


def put_together(error):
    log.error("".join(traceback.format_exception(error)))


def as_a_list(error):
    log.error(traceback.format_exception(error))


def in_one_row(_):
    log.error(" ".join(traceback.format_exc().split()))


def as_a_repr(_):
    log.error("task failed: %r", traceback.format_exc())


def in_a_dict(_):
    log.error({"error": traceback.format_exc()})


PRINTED = (
    in_rows,
    stripped,
    as_argument,
    in_an_fstring,
    behind_a_word,
    behind_a_line,
    put_together,
    as_a_list,
    in_one_row,
    as_a_repr,
    in_a_dict,
)


@pytest.mark.parametrize("report", PRINTED, ids=lambda f: f.__name__)
def test_a_traceback_in_a_message_is_distinguished_by_type_and_failing_function(report):
    assert len(set(keys_of(report))) == 3
    assert keys_of(report) == keys_of(report)
    assert not identify(caught(read_price, report)).by_message


@pytest.mark.parametrize(
    "report", [in_rows, as_argument, in_an_fstring, behind_a_line], ids=lambda f: f.__name__
)
def test_a_queue_leaves_a_traceback_in_a_message_what_it_is(report):
    for function in FAILURES:
        record = caught(function, report)
        assert fingerprint(queued(record)) == fingerprint(record)


def test_a_template_that_may_be_filled_with_a_traceback_is_not_known_by_its_words():
    assert not identify(caught(read_price, lambda _: log.error("job %s failed: %s", 7, "no disk"))).by_message
    assert identify(caught(read_price, lambda _: log.error("job %s failed with %d", "a", 7))).by_message


def test_the_type_of_an_exception_is_what_its_message_says():
    def by_type(error):
        log.error(type(error))

    def by_argument(error):
        log.error("%s", type(error))

    for report in (by_type, by_argument):
        first, other, same = keys_of(report)
        assert first == same != other
        record = caught(parse_price, report)
        assert fingerprint(queued(record)) == fingerprint(record)


# --- structured messages -----------------------------------------------------------------------

DOWN, EXPIRED = "the database is down", "the certificate has expired"
SHAPES = [
    *(lambda text, name=name: {name: text, "host": "db-1"} for name in ("message", "msg", "error", "detail")),
    lambda text: {"Message": text},
    lambda text: {"error": {"code": 17, "message": text}},
    lambda text: {"event": "error", "message": text},
    lambda text: {"what": text, "order": 17},
    lambda text: [text, 17],
    lambda text: (text, 17),
    lambda text: {"event": ValueError(text)},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", [lambda data: data, repr, lambda data: json.dumps(data, default=str)])
def test_two_structured_messages_are_two_problems(shape, form):
    assert fingerprint(made(form(shape(DOWN)))) != fingerprint(made(form(shape(EXPIRED))))


def test_a_queue_that_leaves_the_repr_of_a_structured_message_changes_no_key():
    for message in ({"message": DOWN, "at": 17.5}, [DOWN, 17], {"reason": DOWN, "by": object()}):
        record = made(message)
        assert fingerprint(queued(record)) == fingerprint(record)


def test_the_constant_words_of_a_mapping_are_read_from_the_source():
    def down(host):
        log.error({"check": "disk", "host": host, "is": "full"})

    def slow(host):
        log.error({"check": "disk", "host": host, "is": "slow"})

    assert len({fingerprint(record) for record in logged(down, "a", "b", "c")}) == 1
    assert {fingerprint(record) for record in logged(down, "a")} != {
        fingerprint(r) for r in logged(slow, "a")
    }
    assert explain(logged(down, "a")[0]).rule is Rule.SOURCE


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: {"ok": False, "why": text},
        lambda text: {"kind": text.replace(" ", "_"), "host": "db-1"},
        lambda text: {"errors": [{"message": text, "line": 17}]},
        lambda text: {"problems": [text, text]},
        lambda text: {"payload": {"error": text}, "order": 17},
    ],
)
def test_a_sentence_or_a_code_in_a_mapping_distinguishes_problems(shape):
    keys = {fingerprint(made(form(shape(text)))) for text in (DOWN, EXPIRED) for form in (dict, repr)}
    assert len(keys) == 2

    def report(case):
        kind, why, host = case
        log.error({"kind": kind, "hosts": [host], "whom": host, "why": why})

    cases = [("full", DOWN, "a"), ("full", DOWN, "b"), ("slow", DOWN, "a"), ("full", EXPIRED, "a")]
    assert len({fingerprint(record) for record in logged(report, *cases)}) == 3


def test_the_members_of_a_group_are_its_causes_where_they_stand_alone():
    def report(errors):
        log.error("the import failed: %s", errors)

    one, other, both, again = (
        fingerprint(record)
        for record in logged(
            report,
            (ValueError(1),),
            (KeyError(1),),
            [ValueError(1), KeyError(2)],
            [KeyError(2), ValueError(3), KeyError(1)],
        )
    )
    assert both == again
    assert len({one, other, both}) == 3


def test_values_beside_the_words_of_a_structured_message_do_not_matter():
    assert fingerprint(made({"msg": DOWN, "order": 1})) == fingerprint(
        made({"msg": DOWN, "order": 2, "x": 3})
    )


def test_logfmt_is_known_by_its_words():
    first = made("level=error event='the database is down' order=1")
    again = made("level=error event='the database is down' order=2")
    other = made("level=error event='the certificate has expired' order=1")
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)


# --- words that say nothing --------------------------------------------------------------------


def test_a_symbol_is_no_word():
    def crossed(error):
        log.error("❌ %s", error)

    def bang(_):
        log.exception("💥")

    def warned(error):
        log.error(f"⚠️ {error}")

    for report in (crossed, bang):
        assert len(set(keys_of(report))) == 3
    assert (
        len(set(keys_of(warned, (read_price, parse_price)))) == 1
    )  # the same text, and no exception at hand
    assert explain(caught(read_price, warned)).joined == ("function=warned",)


@pytest.mark.parametrize("word", ["磁盘", "Диск", "ディスク", "é", "디스크"])
def test_letters_of_every_script_are_words(word):
    assert explain(made(f"{word} %s", 1)).rule is Rule.ARGUMENTS


def one_text(text):
    log.error(text)


def the_same_text(text):
    log.error(text)


def test_a_text_that_only_a_variable_holds_is_distinguished_by_the_function_that_logs_it():
    [first], [again], [other] = (logged(f, "no route to host") for f in (one_text, one_text, the_same_text))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert not identify(first).by_message
    assert fingerprint(queued(first)) == fingerprint(first)


def a_word(value):
    log.error("Error: %s", value)


def the_same_word(value):
    log.error("Error: %s", value)


def test_a_template_of_empty_words_is_distinguished_by_the_function_that_logs_it():
    first, again, other = (logged(f, "x")[0] for f in (a_word, a_word, the_same_word))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert not identify(first).by_message


def test_a_template_without_words_is_one_problem_a_function_for_all_names():
    def pair(name):
        log.error("%s: %s", name, "cannot reach 10.0.0.1")

    def interpolated(name):
        log.error(f"{name}: cannot reach 10.0.0.1")

    names = ["alice", "living-room", "vpc_4", "a.b", "17"]
    for function in (pair, interpolated):
        assert len({fingerprint(record) for record in logged(function, *names)}) == 1
    [record] = logged(pair, "alice")
    assert fingerprint(queued(record)) == fingerprint(record)


def test_two_modules_that_use_the_root_logger_are_two_problems():
    one, other = (made("parse error: %s", 1, name="root", path=f"/srv/{file}.py", func="f") for file in "ab")
    assert fingerprint(one) != fingerprint(other)
    assert not identify(one).by_message
    assert fingerprint(made("x", name="app", path="/srv/a.py")) == fingerprint(
        made("x", name="app", path="/b.py")
    )


# --- adapters and wrappers ---------------------------------------------------------------------


class ForUser(logging.LoggerAdapter):
    def process(self, msg, kwargs):
        return f"[user {self.extra['user']}] {msg}", kwargs


@pytest.mark.parametrize("interpolated", [False, True])
def test_what_an_adapter_puts_before_the_message_makes_no_other_problem(interpolated):
    def call(user):
        adapter = ForUser(log, {"user": user})
        if interpolated:
            adapter.error(f"payment of {user} bounced")
        else:
            adapter.error("payment %s failed", 7)

    records = logged(call, "alice", "bob", "4711")
    assert len({fingerprint(record) for record in records}) == 1
    assert "user" not in explain(records[0]).template


def test_what_a_wrapper_puts_before_the_message_makes_no_other_problem():
    def error(user, message, *args):
        log.error(f"[user {user}] {message}", *args)

    records = logged(lambda user: error(user, "payment %s is lost", 7), "4711", "4712", "4713")
    assert len({fingerprint(record) for record in records}) == 1
    [other] = logged(lambda user: error(user, "refund %s is lost", 7), "4711")
    assert fingerprint(other) != fingerprint(records[0])


# --- groups ------------------------------------------------------------------------------------


def group(*functions, message="unhandled errors in a TaskGroup"):
    errors = []
    for function in functions:
        try:
            function()
        except Exception as error:
            errors.append(error)
    return ExceptionGroup(message, errors)


def test_a_group_is_its_members_each_once_in_any_order():
    def key(*functions):
        return fingerprint(made(group(*functions)))

    assert key(read_price, parse_price) == key(parse_price, read_price, read_price)
    assert len({key(read_price), key(parse_price), key(find_stock), key(read_price, parse_price)}) == 4


def test_a_nested_group_is_its_members_too():
    nested = ExceptionGroup("outer", [group(read_price), group(parse_price)])
    assert explain(made(nested)).joined[:2] == (
        "cause=KeyError in read_price",
        "cause=ValueError in parse_price",
    )


def test_a_group_that_a_library_made_before_python_had_them_is_its_members():
    class MultiError(Exception):
        def __init__(self, exceptions):
            super().__init__("several")
            self.exceptions = exceptions

    def key(function):
        return fingerprint(made(MultiError(list(group(function).exceptions))))

    assert key(read_price) != key(parse_price)


@pytest.mark.parametrize("report", [log.error, lambda error: log.error("sync failed", exc_info=error)])
def test_two_tasks_that_fail_for_two_reasons_are_two_problems(report):
    async def fail(function):
        function()

    async def together(function):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(function))

    def run(function):
        try:
            asyncio.run(together(function))
        except BaseExceptionGroup as error:
            report(error)

    first, other, again = (fingerprint(logged(run, f)[0]) for f in (read_price, parse_price, read_price))
    assert first == again != other


def test_a_queue_leaves_a_group_what_it_is():
    def run(_):
        try:
            raise group(read_price, parse_price)
        except ExceptionGroup:
            log.exception("sync failed")

    [record] = logged(run, 0)
    assert len(explain(record).joined) == 2
    assert len(explain(queued(record)).joined) == 2


# --- environments, options, files --------------------------------------------------------------


def test_staging_and_production_never_share_a_key():
    record = made("pool is exhausted")
    keys = {
        Fingerprinter(environment=environment, client=client)(record)
        for environment in (None, "staging", "production")
        for client in (None, "shop")
    }
    assert len(keys) == 6
    assert Fingerprinter()(record) == fingerprint(record) in keys


@pytest.mark.parametrize("option", ["environment", "client"])
def test_what_names_no_environment_is_refused(option):
    with pytest.raises(TypeError, match=option):
        Fingerprinter(**{option: 7})


def test_the_type_of_an_exception_joins_on_request_behind_a_queue_too():
    by_type = Fingerprinter(exception_type=True)

    def report(_):
        log.exception("import failed")

    records = [caught(function, report) for function in (read_price, parse_price)]
    assert by_type(records[0]) != by_type(records[1])
    for record in records:
        assert by_type(queued(record)) == by_type(record)


def test_a_source_file_that_could_not_be_read_once_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "app.py"
    path.write_text('log.error(f"User {x} is gone")\n')

    def no_descriptor(_):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(source, "_read", no_descriptor)
        assert source.template_of(str(path), 1, "User 7 is gone") is None
    assert source.template_of(str(path), 1, "User 7 is gone").text == "User {} is gone"


def test_a_frozen_program_reads_no_source_out_of_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "frozen_app.py").write_text('log.error(f"User {x} is gone")\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert source.template_of("frozen_app.py", 1, "User 7 is gone") is None


def test_a_logger_that_is_named_by_an_address_is_the_same_in_every_process():
    one, other = (
        made("engine stopped", name=f"cherrypy.error.{n}") for n in (139655653531792, 139655653500000)
    )
    assert (
        fingerprint(one) == fingerprint(other) != fingerprint(made("engine stopped", name="cherrypy.error"))
    )


def test_a_logger_that_begins_with_the_number_of_its_process_is_the_same_in_every_process():
    one, other = (made("Error executing task %s", 1, name=f"[{n}] conductor.worker") for n in (71, 4711))
    assert fingerprint(one) == fingerprint(other) != fingerprint(made("Error executing task %s", 1, name="x"))


def test_the_keys_are_explained_as_they_are_made():
    for report in (
        *PRINTED,
        lambda e: log.error("x: %s", e),
        lambda e: log.exception("payment %s failed", e),
    ):
        for function in FAILURES:
            record = caught(function, report)
            with contextlib.suppress(AssertionError):
                record = queued(record)
            assert explain(record).key == fingerprint(record)
            assert explain(record).by_message == identify(record).by_message


@dataclasses.dataclass
class Trouble:
    code: str
    user: int


@pytest.mark.parametrize(
    "show", [lambda said: said, repr, lambda said: f"{said}"], ids=["itself", "repr", "f-string"]
)
def test_data_without_a_known_name_is_its_fields_names_and_words(show):
    def report(said):
        log.error(show(said))

    def keys(*said):
        return [fingerprint(record) for record in logged(report, *said)]

    for make in (
        Trouble,
        lambda code, user: {"code": code, "user": user},
        lambda code, n: {"k": {"code": code}, "n": n},
    ):
        full, again, expired = keys(
            make("disk_full", 7), make("disk_full", 8), make("the certificate has expired", 7)
        )
        assert full == again != expired
    assert len(set(keys({"disk": 3, "free": 7}, {"free": 7}, {"user": {"id": 7}}, ["disk", 7]))) == 4
    assert keys({"disk": 3, "free": 7}) == keys({"free": 8, "disk": 4})


@pytest.mark.parametrize(
    "lacks", ["lineno", "funcName", "pathname", "args", "name", "exc_text", "stack_info"]
)
def test_records_made_by_hand_that_lack_something_are_still_distinguished(lacks):
    def key(words):
        record = logging.LogRecord("shop", logging.ERROR, "/srv/shop.py", 3, words, (), None, "pay")
        del record.__dict__[lacks]
        assert fingerprint(record) == explain(record).key
        return fingerprint(record)

    assert key("the disk is full") == key("the disk is full") != key("the certificate has expired")


def test_records_of_make_log_record_without_a_name_are_distinguished():
    words = ("the disk is full", "the certificate has expired")
    assert len({fingerprint(logging.makeLogRecord({"msg": said, "levelno": 40})) for said in words}) == 2


def test_a_member_of_a_group_that_was_never_raised_is_a_cause_behind_a_queue_too():
    def report(errors):
        try:
            raise ExceptionGroup("the import failed", errors)
        except ExceptionGroup:
            log.exception("the import failed")

    cases = [[ValueError(1)], [KeyError(1)], [KeyError(2), ValueError("two: lines\nof it")]]
    records = logged(report, *cases)
    direct = [fingerprint(record) for record in records]
    assert len(set(direct)) == 3
    assert [fingerprint(queued(record)) for record in records] == direct
