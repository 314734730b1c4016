"""What a Redis answers is taken only where it can be meant."""

import json
from dataclasses import asdict, replace

import pytest

from pagerduty_logging.state.protocol import (
    Anothers,
    Claim,
    Count,
    Later,
    Outcome,
    Request,
    Sender,
    StateError,
)
from pagerduty_logging.state.redis_messages import packed, unpacked

ASKED = Request(
    sender=Sender(name="one", process="p", host="web-1", space="space"),
    sequence=1,
    counts=(Count("disk", 1, 0.0, 0.0, 1),),
    claim=Claim("disk", 1, 0.0),
)
STANDING = {"told": False, "leased": False, "left": 0}


def reply(answer: object, now: object = 1.0):
    text = json.dumps([{"now": now, "standings": [STANDING], "answer": answer}])
    return unpacked([ASKED], text.encode())[0]


def test_one_problem_has_one_key_in_all_that_is_said_of_it():
    keys: list[str] = ["of the request before"]
    message = json.loads(packed(ASKED, keys))
    assert message["base"] == 1
    assert message["counts"][0]["place"] == message["claim"]["place"] == len(keys)
    assert keys[-1].endswith(":space:disk")


def test_a_request_says_all_that_is_in_it_whatever_its_texts_are():
    text = "quotes \"'\\ 100 % \n Größe \x00"
    outcome = Outcome("commit", text, 0.5, 2, 7, 300.0, follow_up=True, change=True)
    count = Count(text, 3, 2.5, 1e-07, 1, 2, text, text)
    request = replace(
        ASKED, counts=(count,), outcomes=(outcome,), claim=Claim(text, 0, 0.25, True), spend=2, silences=text
    )
    keys: list[str] = []
    message = json.loads(packed(request, keys))
    (counted,), (concluded,), claimed = message["counts"], message["outcomes"], message["claim"]
    places = [entry.pop("place") for entry in (counted, concluded, claimed)]
    assert [keys[place - 1].endswith(f":space:{text}") for place in places] == [True] * 3
    for said, meant in ((counted, count), (concluded, outcome), (claimed, request.claim)):
        assert {"key": text, **said} == asdict(meant)
    assert (message["spend"], message["silences"], message["host"]) == (2, text, "web-1")


def test_an_answer_is_read():
    assert reply({"kind": "later", "again_in": 12}).answer == Later(12.0)
    told = {"kind": "anothers", "told": True, "again_in": 299.5, "since": 0.5}
    assert reply(told).answer == Anothers(True, 299.5, 0.5)


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "later", "again_in": 1e18},
        {"kind": "later", "again_in": -5},
        {"kind": "anothers", "told": False, "again_in": 31},
        {"kind": "anothers", "told": True, "again_in": float("nan")},
        {"kind": "mine"},
        {"kind": "yes"},
        None,
    ],
)
def test_an_answer_that_would_keep_an_event_for_ever_is_nonsense(answer: object):
    with pytest.raises(StateError, match="nonsense"):
        reply(answer)


def test_a_clock_that_shows_no_time_is_nonsense():
    with pytest.raises(StateError, match="nonsense"):
        reply({"kind": "later", "again_in": 1}, now=float("nan"))
