"""The control API, for programs in other processes and languages."""

from collections.abc import Iterator

import pytest
import requests

from pagerduty_logging.sandbox import Sandbox
from tests.sandbox.sandbox_client import change, resolve, trigger


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def send_three(sandbox: Sandbox, session: requests.Session) -> None:
    for event in (trigger(), resolve()):
        session.post(sandbox.url + "/v2/enqueue", json=event, timeout=30)
    session.post(sandbox.url + "/v2/change/enqueue", json=change(), timeout=30)


def test_alerts_events_and_changes_can_be_read(sandbox: Sandbox, http_session: requests.Session) -> None:
    send_three(sandbox, http_session)
    (alert,) = http_session.get(sandbox.url + "/api/alerts", timeout=30).json()["alerts"]
    assert (alert["dedup_key"], alert["state"], alert["triggers"]) == ("srv01/mysql", "resolved", 1)
    assert [entry["action"] for entry in alert["history"]] == ["trigger", "resolve"]
    assert alert["first_seen"] == sandbox.alerts[0].first_seen.isoformat()
    assert http_session.get(sandbox.url + "/api/events", timeout=30).json() == {
        "accepted": 3,
        "events": [trigger(), resolve(), change()],
    }
    (deployed,) = http_session.get(sandbox.url + "/api/changes", timeout=30).json()["changes"]
    assert deployed["summary"] == "Deployed 1.2"


def test_deleting_the_events_clears_the_sandbox(sandbox: Sandbox, http_session: requests.Session) -> None:
    send_three(sandbox, http_session)
    assert http_session.delete(sandbox.url + "/api/events", timeout=30).status_code == 204
    assert (sandbox.alerts, sandbox.events, sandbox.requests) == ((), (), ())


def test_faults_can_be_scripted(sandbox: Sandbox, http_session: requests.Session) -> None:
    def script(**fields: object) -> None:
        answer = http_session.post(sandbox.url + "/api/faults", json=fields, timeout=30)
        assert answer.status_code == 201

    script(status=429, retry_after="3", times=2)
    script(fault="answer", status=500, share=1)
    answers = [http_session.post(sandbox.url + "/v2/enqueue", json=trigger(), timeout=30) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 500, 500]
    assert answers[0].headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{", "JSON parse error"),
        ("[]", "not a JSON object"),
        ("{}", "answer needs status"),
        ('{"fault": "sulk"}', "one of answer, redirect, delay"),
        ('{"status": 99}', "from 200 to 599"),
        ('{"status": 503, "times": "two"}', "times must be int"),
        ('{"status": 503, "share": 2}', "share must be from 0 to 1"),
        ('{"fault": "hang", "seconds": 1}', "hang has no seconds; it takes nothing"),
        (
            '{"status": 503, "after": 1}',
            "answer has no after; it takes status, retry_after, body, content_type",
        ),
        ('{"fault": "delay", "seconds": 1, "then": {"fault": 1}}', "one of"),
    ],
)
def test_a_fault_that_makes_no_sense_is_reported(
    sandbox: Sandbox, http_session: requests.Session, body: str, text: str
) -> None:
    answer = http_session.post(sandbox.url + "/api/faults", data=body, timeout=30)
    assert answer.status_code == 400
    assert text in answer.json()["message"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8787", 200),
        ("LOCALHOST", 200),
        ("pages.localhost.", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("rebound.example.com", 403),
        ("localhost.example.com", 403),
        ("192.0.2.1", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/alerts"])
def test_only_loopback_names_are_answered(
    sandbox: Sandbox, http_session: requests.Session, path: str, host: str, status: int
) -> None:
    answer = http_session.get(sandbox.url + path, headers={"Host": host}, timeout=30)
    assert answer.status_code == status


def test_events_are_taken_under_any_name(sandbox: Sandbox, http_session: requests.Session) -> None:
    answer = http_session.post(
        sandbox.url + "/v2/enqueue",
        json=trigger(),
        headers={"Host": "events.pagerduty.com"},
        timeout=30,
    )
    assert answer.status_code == 202


def test_a_remote_sandbox_answers_to_any_name(http_session: requests.Session) -> None:
    with Sandbox(allow_remote=True) as sandbox:
        answer = http_session.get(
            sandbox.url + "/api/alerts", headers={"Host": "pages.example.com"}, timeout=30
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:1", ""])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_pages_of_other_sites_change_nothing(
    sandbox: Sandbox, http_session: requests.Session, method: str, origin: str
) -> None:
    send_three(sandbox, http_session)
    path = "/api/events" if method == "DELETE" else "/api/faults"
    answer = http_session.request(
        method, sandbox.url + path, json={"status": 503}, headers={"Origin": origin}, timeout=30
    )
    assert answer.status_code == 403
    assert len(sandbox.events) == 3


def test_the_sandboxs_own_page_may(sandbox: Sandbox, http_session: requests.Session) -> None:
    answer = http_session.delete(sandbox.url + "/api/events", headers={"Origin": sandbox.url}, timeout=30)
    assert answer.status_code == 204


@pytest.mark.parametrize("path", ["/v2/enqueue", "/v2/change/enqueue"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://rebound.example.com", "Host": "rebound.example.com"},
        {"Sec-Fetch-Site": "same-origin", "Host": "rebound.example.com"},
    ],
    ids=str,
)
def test_another_sites_page_cannot_send_events(
    sandbox: Sandbox, http_session: requests.Session, path: str, headers: dict[str, str]
) -> None:
    event = change() if "change" in path else trigger()
    answer = http_session.post(sandbox.url + path, json=event, headers=headers, timeout=30)
    assert answer.status_code == 403
    assert sandbox.events == ()


@pytest.mark.parametrize("headers", [{}, {"Host": "events.pagerduty.com"}], ids=str)
def test_a_program_may_know_the_sandbox_by_any_name(
    sandbox: Sandbox, http_session: requests.Session, headers: dict[str, str]
) -> None:
    answer = http_session.post(sandbox.url + "/v2/enqueue", json=trigger(), headers=headers, timeout=30)
    assert answer.status_code == 202
