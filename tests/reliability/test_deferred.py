"""Deferred records, while the worker is busy: none is lost, forgotten, or waited for."""

import pytest

from pagerduty_logging.sandbox import Delay, Sandbox

from .conftest import summaries
from .programs import run

BUSY = """
def busy(**options):
    "Return a handler whose worker waits for an answer, so that it reads nothing."
    made = attached(fingerprint=None, **options)
    log.error("busy")
    while not sending(made):
        time.sleep(0.001)
    return made
"""

DEAD_FILE_SYSTEM = """
alive, met = threading.Event(), threading.Event()
real = os.stat
def stat(path, *args, **kwargs):
    if type(path) is str and path.startswith("/dead/"):
        met.set()
        alive.wait(60)
    return real(path, *args, **kwargs)
os.stat = stat
def log_from(path, message, *args):
    log.handle(logging.LogRecord("program", logging.ERROR, path, 1, message, args, None))
"""


def test_deferred_records_are_not_read_near_the_recursion_limit(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(Delay(0.4))
    run(
        BUSY
        + """
made = busy()
for what in ("disk", "bank", "mail"):
    log.error(what + " of %s is gone", 1)
def deep():
    try:
        deep()
    except RecursionError:
        made.stats
        raise
try:
    deep()
except RecursionError:
    pass
assert made.flush(20)
""",
        pagerduty.url,
    )
    said = summaries(pagerduty)
    assert {f"{what} of 1 is gone" for what in ("disk", "bank", "mail")} <= set(said)


def test_an_interruption_loses_neither_its_record_nor_the_ones_before_it(pagerduty: Sandbox) -> None:
    """Before each line of capture and pipeline; a record that was not captured yet pages with its next
    occurrence."""
    pagerduty.fail_next(Delay(0.8))
    ended = run(
        BUSY
        + """
from pagerduty_logging import pipeline
from pagerduty_logging.page import events
from pagerduty_logging.record import capturing
TRACED = pipeline.__file__, events.__file__, capturing.__file__
def at_line(number, call):  # one line has only so many problems of its own
    exec(compile("\\n" * number + call, "shop.py", "exec"))
def word(number):  # a digit would be masked
    return "".join("abcdefghij"[int(digit)] for digit in str(number))
def before_line(number):
    lines = 0
    def trace(frame, event, _):
        nonlocal lines
        if frame.f_code.co_filename not in TRACED:
            return None
        lines += event == "line"
        if lines == number and event == "line":
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace
    return trace
GROUPED = {"pagerduty": {"group": "records"}}
made = busy(max_events_per_minute=1_000_000, before_send=lambda trigger, record: trigger)
number = interrupted = 1
while interrupted:
    interrupted = 0
    at_line(number, 'log.error(f"innocent {number} of %s", 1)')
    sys.settrace(before_line(number))
    try:
        at_line(number, 'log.error(f"record {word(number)}", extra=GROUPED)')
    except KeyboardInterrupt:
        interrupted = 1
    finally:
        sys.settrace(None)
    at_line(number, 'log.error(f"record {word(number)}", extra=GROUPED)')
    number += 1
assert made.flush(30)
balance = made.stats
assert balance.accepted == balance.delivered, balance
print(*[word(n) for n in range(1, number)])
""",
        pagerduty.url,
        measured=False,
    )
    ended.well()
    records = ended.out.split()
    assert len(records) > 50
    said = set(summaries(pagerduty))
    assert {f"innocent {n} of 1" for n in range(1, len(records) + 1)} <= said
    assert {f"record {word}" for word in records} <= said


def test_no_call_waits_for_records_whose_source_file_cannot_be_read(pagerduty: Sandbox) -> None:
    """Whatever their number: the worker hangs in the first of them."""
    ended = run(
        DEAD_FILE_SYSTEM
        + """
made = attached(fingerprint=None, flush_timeout=0)
log_from("/dead/file.py", "disk of %s is full", 1)
assert met.wait(30)
for n in range(1_990):
    log_from(f"/dead/{n}.py", f"disk {n} of %s is full", 1)
calls = {
    "error": lambda: log.error("mail", extra={"pagerduty": {"group": "g"}}),
    "stats": lambda: made.stats,
    "resolve": lambda: made.resolve("disk"),
    "acknowledge": lambda: made.acknowledge("disk"),
    "change": lambda: made.change("deploy"),
}
for name, call in calls.items():
    took = []
    for _ in range(5):
        since = time.monotonic()
        call()
        took.append(time.monotonic() - since)
    assert min(took) < 0.05, (name, took)
print("ok", flush=True)
os._exit(0)
""",
        pagerduty.url,
    )
    assert ended.out == "ok\n", ended.err


def test_a_source_file_that_cannot_be_read_holds_no_caller_up_and_what_waits_is_reported(
    pagerduty: Sandbox,
) -> None:
    ended = run(
        DEAD_FILE_SYSTEM
        + """
made = attached(fingerprint=None, flush_timeout=0.2)
since = time.monotonic()
log_from("/dead/file.py", "disk of %s is full", 1)
assert met.wait(30)
log_from("/dead/file.py", "disk of %s is fuller", 1)
log.error("bank of %s", 1)
log.error("mail")
made.resolve("something")
assert not made.flush(0.1)
stats = made.stats
rest = stats.delivered + stats.pending + stats.dead_lettered + sum(stats.dropped.values())
assert stats.accepted == rest == stats.pending == 5, stats
assert time.monotonic() - since < 20
""",
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    assert ended.err.count("\n") == 1
    assert "and 4 more" in ended.err
    assert ended.seconds < 30


def test_a_caller_does_not_read_for_long_what_others_logged(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(Delay(30.0))
    run(
        BUSY
        + DEAD_FILE_SYSTEM
        + """
made = busy(timeout=60)
os.stat = lambda path, *a, **k: (path.startswith("/slow/") and time.sleep(0.1), real(path, *a, **k))[1]
for n in range(200):
    log_from(f"/slow/{n}.py", f"disk {n} of %s is full", 1)
since = time.monotonic()
log.error("mail of %s", made)
assert time.monotonic() - since < 10
os._exit(0)
""",
        pagerduty.url,
    ).well()


@pytest.mark.parametrize("ending", ["", "made.close()"])
def test_records_that_are_unread_at_the_end_arrive(pagerduty: Sandbox, ending: str) -> None:
    pagerduty.fail_next(Delay(0.2))
    run(
        BUSY
        + f"""
made = busy()
for n in range(20):
    log.error(f"disk {{n}} of %s is full", 1)
assert deferred(made) == 20
{ending}
""",
        pagerduty.url,
    ).well()
    assert sorted(summaries(pagerduty)) == sorted(["busy", *(f"disk {n} of 1 is full" for n in range(20))])


def test_a_fork_leaves_unread_records_to_the_parent(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(Delay(0.3))
    run(
        BUSY
        + """
made = busy()
log.error("disk of %s is full", 1)
log.error("bank of %s is closed", 1)
child = os.fork()
if not child:
    log.error("disk of %s is full", 2)
    log.error("mail of %s is stuck", 2)
    assert made.stats.suppressed == 0 and made.stats.accepted == 2, made.stats
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert made.flush(20)
assert made.stats.delivered == 3, made.stats
""",
        pagerduty.url,
        measured=False,
    ).well()
    assert sorted(summaries(pagerduty)) == [
        "bank of 1 is closed",
        "busy",
        "disk of 1 is full",
        "disk of 2 is full",
        "mail of 2 is stuck",
    ]
