"""Templates that reach the log by way of a method or function of texts."""

import logging
import string
import textwrap
from inspect import cleandoc

import pytest

from pagerduty_logging.fingerprinting import Rule, explain
from tests.fingerprinting.fingerprinting_records import logged, queued

log = logging.getLogger("sites")
NAMES = ("alice", "carol d", "O'Neil", "user 4711")


def dedented(name):
    log.error(
        textwrap.dedent(f"""
            payment of {name}
            failed
        """)
    )


def cleaned(name):
    log.error(
        cleandoc(
            """
            payment of %s
                failed
            """
        )
        % name
    )


def stripped(name):
    log.error(f"\n  payment of {name} failed\n".strip())


def lowered(name):
    log.error("PAYMENT of {} failed".format("X").lower() + name)


def joined(name):
    log.error(" ".join(["payment of", name, "failed"]))


def substituted(name):
    log.error(string.Template("payment of ${name} failed for $$5").substitute(name=name))


def replaced(name):
    log.error("payment of NAME failed".replace("NAME", name))


@pytest.mark.parametrize("call", [dedented, cleaned, stripped, lowered, joined, substituted, replaced])
def test_a_changed_text_keeps_its_template(call):
    found = [explain(record) for record in logged(call, *NAMES)]
    assert len({one.key for one in found}) == 1
    assert {one.rule for one in found} == {Rule.SOURCE}
    assert {explain(queued(record)).key for record in logged(call, *NAMES)} == {found[0].key}


def tagged(text):
    log.error(f"[shop] {text}")


def tagged_with_arguments(text):
    log.error("[shop] [pay] %s", text)


@pytest.mark.parametrize("wrapper", [tagged, tagged_with_arguments])
def test_messages_behind_a_wrappers_tag_are_distinguished(wrapper):
    cases = ("payment 1 failed", "payment 2 failed", "refund 1 failed")
    assert len({explain(record).key for record in logged(wrapper, *cases)}) == 2


class Filled:
    """Fills the braces of a message in before logging gets it, as loguru does."""

    def error(self, message, *args, **named):
        log.error(message.format(*args, **named), stacklevel=2)


filled = Filled()


def braces(name):
    filled.error("payment of {} failed: {:>8}", name, 17)


def named_braces(name):
    filled.error("payment of {name} failed", name=name)


@pytest.mark.parametrize("call", [braces, named_braces])
def test_braces_that_another_library_fills_in_are_a_template(call):
    found = [explain(record) for record in logged(call, *NAMES)]
    assert len({one.key for one in found}) == 1
    assert {one.rule for one in found} == {Rule.SOURCE}


def decorated(name):
    logging.LoggerAdapter(log).error(f"payment of {name} failed")


def test_colours_around_a_message_hide_no_template():
    records = logged(decorated, *NAMES)
    for record in records:
        record.msg = f"2026-11-30 [error] \x1b[1m{record.msg}\x1b[0m \x1b[36mn\x1b[0m=3"
    assert {explain(record).template for record in records} == {"payment of {} failed"}
