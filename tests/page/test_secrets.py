"""How many secrets pass, and how many ordinary messages are spoilt: both are counted, for both cost."""

import pytest

from pagerduty_logging.page.redaction import MARK, Redactor
from tests.page.more_secrets import MORE_READABLE, MORE_SECRETS
from tests.page.ordinary import alarms, messages
from tests.page.secrets import READABLE, SECRETS

ALL = [*SECRETS, *MORE_SECRETS]
MOST_SPOILT = 0.003
"""Share of ordinary messages that redaction may change."""


def test_the_corpus_is_as_large_as_the_documentation_says() -> None:
    assert len(ALL) >= 830
    assert len({text for text, _ in ALL}) == len(ALL)


@pytest.mark.parametrize(("text", "secret"), ALL)
def test_a_secret_is_seen_in_no_form_in_which_programs_log_it(text: str, secret: str) -> None:
    shown = Redactor().text(text)
    assert secret not in shown
    assert MARK in shown
    assert Redactor().text(shown) == shown


@pytest.mark.parametrize("text", [*READABLE, *MORE_READABLE])
def test_the_diagnosis_itself_stays_readable(text: str) -> None:
    assert Redactor().text(text) == text


def test_hardly_any_ordinary_message_is_spoilt() -> None:
    texts = messages()
    assert len(texts) >= 2_800
    assert len(alarms(texts)) <= MOST_SPOILT * len(texts)
