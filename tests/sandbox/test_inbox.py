"""The sandbox's pages, as a browser without scripts gets them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from pagerduty_logging.sandbox import Sandbox
from pagerduty_logging.sandbox.inbox import MAX_HISTORY
from tests.sandbox.sandbox_client import (
    OTHER_ROUTING_KEY,
    ROUTING_KEY,
    Sender,
    acknowledge,
    change,
    resolve,
    trigger,
    trigger_with,
)

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}${7*7}\u202e\x00\x1b[2J"


class Browser:
    """Asks for pages as a browser does."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.url = sandbox.url
        self.session = session

    def get(self, path: str = "/") -> str:
        answer = self.session.get(self.url + path, headers={"Accept": "text/html"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.text

    def press(self, path: str, **headers: str) -> requests.Response:
        headers = {"Accept": "text/html", "Origin": self.url, **headers}
        return self.session.post(self.url + path, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Sandbox) -> Sandbox:
    shared.clear()
    return shared


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def send(sandbox: Sandbox, session: requests.Session) -> Sender:
    return Sender(sandbox, session)


@pytest.fixture
def browser(sandbox: Sandbox, session: requests.Session) -> Browser:
    return Browser(sandbox, session)


def number(sandbox: Sandbox, dedup_key: str = "srv01/mysql") -> int:
    return sandbox.alert(dedup_key).number


def test_an_empty_inbox_says_how_to_fill_it(browser: Browser) -> None:
    page = browser.get()
    assert "No pages yet" in page
    assert f"export PAGERDUTY_EVENTS_URL={browser.url}" in page


def test_alerts_and_changes_are_listed_the_latest_first(browser: Browser, send: Sender) -> None:
    send(trigger("a", payload={"summary": "first one", "source": "db1", "severity": "info"}))
    send(change(), "/v2/change/enqueue")
    send(trigger("b", payload={"summary": "last one", "source": "db2", "severity": "error"}))
    page = browser.get()
    places = [page.index(text) for text in ("last one", "Deployed 1.2", "first one")]
    assert places == sorted(places)
    send(trigger("a", payload={"summary": "first again", "source": "db1", "severity": "info"}))
    page = browser.get()
    assert page.index("first again") < page.index("last one")


def test_a_row_shows_how_often_it_happened_and_not_only_how_often_it_was_sent(
    browser: Browser, send: Sender
) -> None:
    send(trigger_with(custom_details={"occurrences": 5001, "suppressed": 4999}))
    send(trigger("other", payload={"summary": "Twice", "source": "db1", "severity": "info"}))
    send(trigger("other", payload={"summary": "Twice", "source": "db1", "severity": "info"}))
    page = browser.get()
    assert "\u00d75,001" in page
    assert "\u00d72" in page
    assert "3 sent" in page
    assert "4,999 suppressed" in page


@pytest.mark.parametrize("suppressed", [-5, True, "9", 1.5, None, [1], 10**13, 10**4299])
def test_an_invalid_count_is_not_counted(browser: Browser, send: Sender, suppressed: Any) -> None:
    send(trigger_with(custom_details={"suppressed": suppressed, "occurrences": suppressed}))
    assert ">0 suppressed" in browser.get()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"disk", "queue", "deploy"}),
        ("?q=QUEUE", {"queue"}),
        ("?q=order+4711", {"queue"}),
        ("?q=dis%20full", {"disk"}),
        ("?q=nowhere", set()),
        ("?show=triggered", {"queue"}),
        ("?show=acknowledged", {"disk"}),
        ("?show=resolved", set()),
        ("?show=changes", {"deploy"}),
        ("?severity=critical", {"disk"}),
        ("?severity=critical&severity=error", {"disk", "queue"}),
        ("?severity=critical&show=triggered", set()),
        ("?show=nonsense&severity=loud&page=none&page=-1", {"disk", "queue", "deploy"}),
        ("?page=99999999", {"disk", "queue", "deploy"}),
        ("?page=2", {"disk", "queue", "deploy"}),
    ],
)
def test_the_filters_live_in_the_address(
    browser: Browser, send: Sender, query: str, expected: set[str]
) -> None:
    send(trigger("disk", payload={"summary": "Disk is full", "source": "db1", "severity": "critical"}))
    send(acknowledge("disk"))
    payload = {"summary": "Queue is long", "source": "mq", "severity": "error"}
    send(trigger("queue", payload={**payload, "custom_details": {"order": 4711}}))
    send(change(payload={"summary": "deploy"}), "/v2/change/enqueue")
    page = browser.get("/" + query)
    texts = {"disk": "Disk is full", "queue": "Queue is long", "deploy": "<bdi>deploy</bdi>"}
    assert {name for name, text in texts.items() if text in page} == expected


def test_a_long_list_has_pages_that_keep_the_filters(browser: Browser, send: Sender) -> None:
    for index in range(101):
        payload = {"summary": f"Problem {index}.", "source": "db1", "severity": "info"}
        send(trigger(f"p{index}", payload=payload))
    first = browser.get("/?q=problem")
    assert "Problem 100." in first
    assert "Problem 0." not in first
    assert 'href="/?q=problem&amp;page=2"' in first
    assert "Problem 0." in browser.get("/?q=problem&page=2")


def test_an_alert_has_a_page_of_its_own(browser: Browser, send: Sender, sandbox: Sandbox) -> None:
    details = {
        "exception": ["shop.DeclinedError: no"],
        "traceback": ["app/pay.py:16 in charge", "    raise DeclinedError", "… 9 library frames: django"],
        "text": "Traceback:\n  line 2",
        "nested": {"tags": ["eu", None, 1.5, True], "deep": [{"a": {"b": {"c": {"d": 1}}}}]},
        "nothing": None,
        "empty": [],
        "dashboard": "https://grafana.example.com/d/1",
    }
    event = trigger_with(component="shop.pay", group="web", custom_details=details, **{"class": "Declined"})
    event |= {
        "links": [{"href": "https://wiki.example.com", "text": "Runbook"}, {"href": "https://bare.example"}],
        "images": [
            {"src": "https://img.example.com/a.png", "alt": "Graph", "href": "https://img.example.com"}
        ],
        "client": "Shop",
        "client_url": "https://shop.example.com",
    }
    send(event)
    page = browser.get(f"/alerts/{number(sandbox)}")
    for text in (
        "<h1><bdi>Disk is full</bdi></h1>",
        "shop.pay",
        "Declined",
        '<a href="https://shop.example.com" rel="noopener noreferrer" target="_blank"><bdi>Shop</bdi></a>',
        '<a href="https://wiki.example.com" rel="noopener noreferrer" target="_blank"><bdi>Runbook</bdi></a>',
        '<a href="https://grafana.example.com/d/1"',
        '<span class="row place">app/pay.py:16 in charge\n</span>',
        '<span class="row code">    raise DeclinedError\n</span>',
        '<span class="row folded">… 9 library frames: django\n</span>',
        "PagerDuty shows it without its line breaks",
        '<span class="row plain">null\n</span>',
        '<span class="nothing">empty</span>',
        "…d1a6",
    ):
        assert text in page, text
    assert "<img" not in page
    assert ROUTING_KEY not in page


def test_the_raw_json_is_the_latest_trigger_without_its_key(
    browser: Browser, send: Sender, sandbox: Sandbox
) -> None:
    send(trigger_with(summary="a <b> & c"))
    page = browser.get(f"/alerts/{number(sandbox)}")
    escaped = page.partition('<pre id="raw-text">')[2].partition("</pre>")[0]
    for entity, char in {"&#34;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&"}.items():
        escaped = escaped.replace(entity, char)
    assert json.loads(escaped) == {**trigger_with(summary="a <b> & c"), "routing_key": "…d1a6"}


def test_buttons_acknowledge_and_resolve(browser: Browser, send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    path = f"/alerts/{number(sandbox)}"
    page = browser.press(f"{path}/acknowledge").text
    assert sandbox.alert("srv01/mysql").state == "acknowledged"
    assert "here, by hand" in page
    assert 'id="acknowledge"' not in page
    page = browser.press(f"{path}/resolve").text
    assert sandbox.alert("srv01/mysql").state == "resolved"
    assert 'id="resolve"' not in page
    assert [line.by_hand for line in sandbox.alert("srv01/mysql").history] == [False, True, True]
    assert "1 sent" in browser.get()


def test_a_button_of_an_old_page_does_not_hit_a_newer_alert(
    browser: Browser, send: Sender, sandbox: Sandbox
) -> None:
    send(trigger())
    old = number(sandbox)
    send(resolve())
    send(trigger())
    answer = browser.press(f"/alerts/{old}/resolve")
    assert answer.status_code == 409
    assert "not open any more" in answer.text
    assert sandbox.alert("srv01/mysql").state == "triggered"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Host": "rebound.example.com"},
        {"Origin": "http://rebound.example.com", "Host": "rebound.example.com"},
    ],
)
def test_pages_of_other_sites_press_no_button(
    browser: Browser, send: Sender, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    send(trigger())
    assert browser.press(f"/alerts/{number(sandbox)}/resolve", **headers).status_code == 403
    assert sandbox.alert("srv01/mysql").state == "triggered"


def test_a_browser_that_sends_no_origin_sends_the_site(
    browser: Browser, send: Sender, sandbox: Sandbox, session: requests.Session
) -> None:
    send(trigger())
    url = f"{browser.url}/alerts/{number(sandbox)}/acknowledge"
    answer = session.post(url, headers={"Sec-Fetch-Site": "cross-site"}, timeout=30)
    assert answer.status_code == 403
    assert session.post(url, timeout=30).status_code == 200


def test_a_change_event_has_a_page_of_its_own(browser: Browser, send: Sender, sandbox: Sandbox) -> None:
    payload = {"summary": "Deployed", "source": "ci", "custom_details": {"by": "mira"}}
    send(change(payload=payload, links=[{"href": "https://git.example.com/1"}]), "/v2/change/enqueue")
    page = browser.get(f"/changes/{sandbox.changes[0].number}")
    assert "<h1><bdi>Deployed</bdi></h1>" in page
    assert "mira" in page
    assert "https://git.example.com/1" in page


@pytest.mark.parametrize("path", ["/alerts/99", "/changes/99", "/alerts/x", "/nowhere"])
def test_what_is_gone_is_reported_in_a_page(browser: Browser, session: requests.Session, path: str) -> None:
    answer = session.get(browser.url + path, headers={"Accept": "text/html"}, timeout=30)
    assert answer.status_code == 404
    assert '<a href="/">To the inbox</a>' in answer.text


def test_alerts_of_several_services_are_distinguished(browser: Browser, send: Sender) -> None:
    send(trigger())
    assert "…d1a6" not in browser.get()
    send(trigger(routing_key=OTHER_ROUTING_KEY))
    page = browser.get()
    assert "…d1a6" in page
    assert "…6b08" in page


def test_a_history_that_is_long_is_cut(browser: Browser, send: Sender, sandbox: Sandbox) -> None:
    for _ in range(MAX_HISTORY + 3):
        send(trigger())
    assert "and 3 that are left out here" in browser.get(f"/alerts/{number(sandbox)}")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "//evil.example.com",
        "/alerts/1/resolve",
        "http://[",
        "https://",
        "https://a.example/\u202e",
    ],
)
def test_no_address_that_could_run_anything_is_a_link(
    browser: Browser, send: Sender, sandbox: Sandbox, address: str
) -> None:
    event = trigger_with(custom_details={"where": address})
    item = {"href": address, "src": address, "text": "t", "alt": "a"}
    send({**event, "links": [item], "images": [item], "client_url": address, "client": "c"})
    page = browser.get(f"/alerts/{number(sandbox)}")
    links = [part.partition('"')[0] for part in page.split('href="')[1:]]
    own = {"#main", "/", "/static/icon.svg", "/static/inbox.css"}
    assert set(links) == own


def test_hostile_text_is_only_text(browser: Browser, send: Sender, sandbox: Sandbox) -> None:
    details = {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}
    event = trigger_with(summary=HOSTILE, source=HOSTILE, component=HOSTILE, custom_details=details)
    event |= {
        "dedup_key": HOSTILE,
        "client": HOSTILE,
        "links": [{"href": f"https://example.com/{HOSTILE}", "text": HOSTILE}],
    }
    send(event)
    send(change(payload={"summary": HOSTILE, "source": HOSTILE}), "/v2/change/enqueue")
    for path in ("/", "/?q=%3Cscript%3E", f"/alerts/{number(sandbox, HOSTILE)}"):
        page = browser.get(path)
        assert page.count("<script") == 1
        assert "<img" not in page


def test_a_page_may_load_and_send_nothing_elsewhere(browser: Browser, session: requests.Session) -> None:
    answer = session.get(browser.url, headers={"Accept": "text/html"}, timeout=30)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("base-uri") == "'none'"
    assert policy.pop("frame-ancestors") == "'none'"
    assert set(policy.values()) == {"'self'"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "style=" not in answer.text
    for path in ("/static/inbox.js", "/static/inbox.css", "/static/icon.svg"):
        asset = session.get(browser.url + path, timeout=30)
        assert asset.status_code == 200
        assert "http://" not in asset.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in asset.text


def test_the_pages_are_not_in_the_journal_of_requests(browser: Browser, sandbox: Sandbox) -> None:
    browser.get()
    browser.get("/static/inbox.css")
    assert sandbox.requests == ()


# --- why an event was sent, and what is beside it ------------------------------------------------------


def _sent(send: Sender, dedup_key: str, **details: Any) -> None:
    send(trigger_with(custom_details=details) | {"dedup_key": dedup_key})


def test_the_inbox_shows_why_an_event_was_sent_and_on_which_hosts(
    sandbox: Sandbox, send: Sender, browser: Browser
) -> None:
    _sent(send, "k", why="first", occurrences=1)
    _sent(send, "k", why="size: 1,998 more in 12 s", occurrences=1999, hosts=2, host_names=["a1", "b2"])
    assert "size: 1,998 more in 12 s" in browser.get()
    page = browser.get(f"/alerts/{number(sandbox, 'k')}")
    assert "<bdi>first</bdi>" in page
    assert "size: 1,998 more in 12 s" in page
    assert "2: a1, b2" in page


def test_a_second_alert_is_shown_beside_its_first(sandbox: Sandbox, send: Sender, browser: Browser) -> None:
    _sent(send, "k", why="first")
    _sent(send, "k-worse-severity", why="worse: error → critical", first_alert="k")
    first, second = number(sandbox, "k"), number(sandbox, "k-worse-severity")
    assert f'href="/alerts/{second}"' in browser.get(f"/alerts/{first}").partition("Beside it")[2]
    assert f'href="/alerts/{first}"' in browser.get(f"/alerts/{second}").partition("Beside it")[2]


@pytest.mark.parametrize("why", ["because", 3, ["first"], "size: " + "x" * 300, HOSTILE])
def test_a_reason_that_is_none_of_ours_is_a_detail_like_others(
    sandbox: Sandbox, send: Sender, browser: Browser, why: Any
) -> None:
    _sent(send, "k", why=why, hosts={"a": 1}, first_alert=["k"])
    assert "Sent because" not in browser.get(f"/alerts/{number(sandbox, 'k')}")
    assert "hosts</span>" not in browser.get()
