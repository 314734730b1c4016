"""Logging calls of many shapes, for the tests of the fingerprint to log through.

The source of this file is part of what is tested: the golden keys are read back from its
lines. A call may move; what it says must not change.
"""

# ruff: noqa: UP031, UP032, SIM108
# fmt: off
# The old ways to build a message are what is wanted here.

import gettext
import logging

log = logging.getLogger("sites")
_ = gettext.gettext

LIMIT_REACHED = "Limit of {} reached by {}"
LOST = "Lost %d of %s"


def fstring(x):
    log.error(f"User {x} not found in ledger")


def fstring_over_lines(x):
    log.error(
        f"Could not charge card of {x}: "
        f"gateway answered {x!r} after "
        "three tries",
        extra={"attempt": 3},
    )


def fstring_with_braces(x):
    log.error(f"Set {{{x:>4}}} is 100% full of {x!s:.3}")


def fstring_with_arguments(x):
    log.error(f"Queue {x} holds %d jobs", len(str(x)))


def str_format(x):
    log.error("Order {} was rejected by {who}".format(x, who=x))


def percent(x):
    log.error("Shard %s lost %d rows" % (x, len(str(x))))


def concatenation(x):
    log.error("Refund for " + str(x) + " bounced")


def variable(x):
    message = f"Import of {x} stopped half-way"
    log.error(message)


def variable_that_grows(x):
    message = f"Backup of {x} is incomplete"
    for part in range(len(str(x)) % 3):
        message += f", part {part} is missing"
    log.error(message)


def variable_of_two_branches(x):
    if len(str(x)) % 2:
        message = f"Odd answer from {x}"
    else:
        message = f"Even answer from {x}"
    log.error(message)


def module_constant_format(x):
    log.error(LIMIT_REACHED.format(x, x))


def module_constant_percent(x):
    log.error(LOST % (len(str(x)), x))


def translated(x):
    log.error(_("Mail to %s came back") % x)


def conditional(x):
    log.error(f"Job {x} ended {'badly' if x else 'well'} at once")


def two_on_a_line(x):
    log.error(f"left side {x} broke") if x else log.error(f"right side {x} broke")


def chained(x):
    logging.getLogger(
        "sites"
    ).error(
        f"Chained call for {x} failed"
    )


def in_lambda(x):
    (lambda y: log.error(f"Lambda saw {y} die"))(x)


def in_comprehension(x):
    [log.error(f"Comprehension saw {y} die") for y in [x]]


def through_a_helper(x):
    _helper(f"Helper was told about {x} failing")


def _helper(text):
    log.error(text, stacklevel=2)


def around_a_misleading_string(x):
    query = """
select * from t
def not_a_function():
"""
    log.error(f"Query for {x} gave {len(query)} rows")


def arguments(x):
    log.error("Cache node %s is gone", x)


def dict_argument(x):
    log.error("Peer %(peer)s hung up on %(us)s", {"peer": x, "us": "me"})


def bare_template_of_fstring(x):
    log.error("%s", f"Worker {x} was killed")


def constant(x):
    log.error("disk is 100% full")


def with_exception(x):
    try:
        raise LookupError(x)
    except LookupError as e:
        log.exception(f"Lookup failed: {e}")


def bare_exception(x):
    try:
        raise LookupError("no row with id 17")
    except LookupError as e:
        log.error(e)


def text_of_exception(x):
    try:
        raise LookupError(f"no row with id {len(str(x))}")
    except LookupError as e:
        log.exception(str(e))


def argument_exception(x):
    try:
        raise LookupError(f"no row with id {len(str(x))}")
    except LookupError as e:
        log.error("%s", e, exc_info=True)


def event_dict(x):
    log.error({"event": "payment refused", "order": x})


INTERPOLATED = (
    fstring,
    fstring_over_lines,
    fstring_with_braces,
    fstring_with_arguments,
    str_format,
    percent,
    concatenation,
    variable,
    variable_that_grows,
    module_constant_format,
    module_constant_percent,
    translated,
    conditional,
    two_on_a_line,
    chained,
    in_lambda,
    in_comprehension,
    through_a_helper,
    around_a_misleading_string,
)
STABLE = (arguments, dict_argument, bare_template_of_fstring, constant)
EXCEPTIONS = (with_exception, bare_exception, text_of_exception, argument_exception)
ALL = (*INTERPOLATED, variable_of_two_branches, *STABLE, *EXCEPTIONS, event_dict)
