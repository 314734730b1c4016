"""The inbox in a real browser."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta, timezone
from typing import Any

import pytest

from pagerduty_logging import BreadcrumbHandler, PagerDutyHandler
from pagerduty_logging.sandbox import Sandbox
from tests.sandbox.sandbox_client import ROUTING_KEY, Sender, change, trigger

pytest.importorskip("selenium", reason="needs the dependency group browser")
from selenium.webdriver.common.keys import Keys

from tests.browser.window import LIMIT, Page

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def alert(name: str, summary: str, severity: str = "error", **more: Any) -> dict[str, Any]:
    return trigger(name, payload={"summary": summary, "source": "db1.eu-west", "severity": severity, **more})


class Declined(Exception):
    """What our shop raises."""


@pytest.fixture
def busy(sandbox: Sandbox, send: Sender) -> None:
    """A sandbox with a bit of everything, from our own handler and by hand."""
    handler = PagerDutyHandler(
        ROUTING_KEY,
        base_url=sandbox.url,
        source="web-1.eu-west",
        client="Shop",
        client_url="https://shop.example.com",
        release="2026.11.3",
        environment="production",
        links=[{"href": "https://wiki.example.com/runbooks/{logger}", "text": "Runbook of {logger}"}],
    )
    logger = logging.Logger("shop.payments", logging.DEBUG)
    logger.addHandler(BreadcrumbHandler())
    logger.addHandler(handler)

    def charge(depth: int) -> None:
        if depth:
            charge(depth - 1)
        try:
            {}["card"]
        except KeyError as error:
            raise Declined("order 7 cannot be paid") from error

    try:
        for severity in (logging.ERROR, logging.CRITICAL):
            for _ in range(40):
                logger.info("cart 7 opened")
                try:
                    charge(12)
                except Declined:
                    logger.log(severity, "cannot serve %s", "/pay", exc_info=True, extra={"order": 4711})
            assert handler.flush(30)
    finally:
        handler.close()
    send(alert("disk", "Disk /var is 92 % full on db1", "warning", component="node_exporter"))
    send({**alert("disk", ""), "event_action": "acknowledge"})
    send(alert("cert", "TLS certificate of api.example.com expires in 6 days", "info"))
    send({**alert("cert", ""), "event_action": "resolve"})
    details = {"queue": "emails", "messages": 18203, "consumers": None, "log": "a text\n  of two lines"}
    send(alert("queue", "Queue emails has 18,203 messages and nobody takes them", custom_details=details))
    send(change(payload={"summary": "Deployed shop 2026.11.3", "source": "ci"}), "/v2/change/enqueue")


def test_an_alert_appears_and_changes_without_a_reload(page: Page, send: Sender) -> None:
    page.open()
    page.wait_live()
    page.wait_text("No pages yet")
    send(alert("a", "Disk is full"))
    page.wait_text("Disk is full")
    send(alert("b", "Queue is long", "critical"))
    page.wait("document.querySelectorAll('.entry').length === 2")
    assert page.summaries == ["Queue is long", "Disk is full"]
    assert page.run("return document.title").startswith("(2)")
    send(alert("a", "Disk is fuller"))
    page.wait_text("Disk is fuller")
    assert page.summaries == ["Disk is fuller", "Queue is long"]
    send({**alert("a", ""), "event_action": "resolve"})
    page.wait("document.querySelector('.entry.resolved') !== null")
    assert page.run("return window.sameDocument")


def test_what_is_focused_stays_so_when_news_arrive(page: Page, send: Sender) -> None:
    send(alert("a", "Disk is full"))
    page.open()
    page.wait_live()
    page.type("j")
    focused = "return document.activeElement.innerText"
    assert "Disk is full" in page.run(focused)
    send(alert("a", "Disk is fuller"))
    send(alert("b", "Queue is long"))
    page.wait_text("Queue is long")
    page.wait_text("Disk is fuller")
    assert "Disk is fuller" in page.run(focused)


def test_a_page_finds_a_sandbox_again_that_was_away(page: Page, sandbox: Sandbox, send: Sender) -> None:
    page.open()
    page.wait_live()
    sandbox.stop()
    page.wait("document.querySelector('#live.off') !== null")
    sandbox.start()
    send(alert("a", "Disk is full"))
    page.wait_text("Disk is full")
    page.wait_live()
    assert page.run("return window.sameDocument")
    page.driver.get_log("browser")  # the browser logs its own attempts meanwhile


def test_filters_live_in_the_address(page: Page, send: Sender) -> None:
    send(alert("a", "Disk is full", "critical"))
    send(alert("b", "Queue is long", "error"))
    send(change(), "/v2/change/enqueue")
    page.open()
    page.wait_live()
    page.type("/", "queue")
    page.wait("location.search === '?q=queue'")
    page.wait("document.querySelectorAll('.entry').length === 1")
    assert page.summaries == ["Queue is long"]
    page.open("/?severity=critical&show=triggered")
    assert page.summaries == ["Disk is full"]
    page.click(".entry a")
    page.wait_address("/alerts/")
    page.click("#back")
    page.wait_address("/?severity=critical&show=triggered")
    page.run("window.sameDocument = true")
    page.wait_live()
    assert page.run("return document.querySelector('[name=severity]:checked').value") == "critical"
    page.click("[value=changes]")
    page.wait_text("Deployed 1.2")
    page.click("[value=critical]")
    page.wait("location.search === '?show=changes'")
    send(alert("c", "Not to be seen"))
    page.wait("document.getElementById('count-triggered').innerText === '3'")
    assert page.summaries == ["Deployed 1.2"]
    assert page.run("return window.sameDocument")


def test_times_are_those_of_the_person_who_looks(page: Page, send: Sender, sandbox: Sandbox) -> None:
    send(alert("a", "Disk is full"))
    page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"})
    page.open(f"/alerts/{sandbox.alert('a').number}")
    page.wait_live()
    local = sandbox.alert("a").first_seen.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert f"{local:%H:%M:%S}" in page.run("return document.querySelector('.facts').innerText")
    page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def test_buttons_acknowledge_and_resolve(page: Page, send: Sender, sandbox: Sandbox) -> None:
    send(alert("a", "Disk is full"))
    page.open(f"/alerts/{sandbox.alert('a').number}")
    page.click("#acknowledge")
    page.wait("document.querySelector('.head .state')?.innerText === 'acknowledged'")
    assert sandbox.alert("a").state == "acknowledged"
    page.click("#resolve")
    page.wait("document.querySelector('.head .state')?.innerText === 'resolved'")
    assert sandbox.alert("a").state == "resolved"
    page.wait_text("here, by hand")


def test_the_way_back_leads_to_the_list_as_it_was_filtered(page: Page, send: Sender) -> None:
    send(alert("disk", "Disk full"))
    page.open("/?show=triggered&q=disk")
    page.click("#timeline a")
    page.wait("document.getElementById('acknowledge') !== null")
    page.click("#acknowledge")
    page.wait_text("by hand")
    page.wait("document.getElementById('back').search === '?show=triggered&q=disk'")
    page.click("#back")
    page.wait_text("Nothing fits")


def test_the_page_of_an_alert_is_live(page: Page, send: Sender, sandbox: Sandbox) -> None:
    send(alert("a", "Disk is full"))
    page.open(f"/alerts/{sandbox.alert('a').number}")
    page.wait_live()
    page.click("#raw-json summary")
    send(alert("a", "Disk is full", "critical", custom_details={"free": "0 %"}))
    page.wait_text("0 %")
    page.wait("document.querySelector('.head.critical') !== null")
    assert page.run("return document.getElementById('raw-json').open")
    sandbox.clear()
    page.wait_text("not in the inbox any more")
    assert page.run("return window.sameDocument")
    page.driver.get_log("browser")  # the browser logs the 404


def test_the_raw_json_can_be_copied(page: Page, send: Sender, sandbox: Sandbox) -> None:
    send(alert("a", "Disk is full"))
    permissions = {"origin": page.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    page.open(f"/alerts/{sandbox.alert('a').number}")
    page.click("#raw-json summary")
    page.click("[data-copy=raw-text]")
    page.wait("document.querySelector('[data-copy=raw-text]').innerText !== 'Copy'")
    copied = page.driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], error => arguments[0](String(error)))"
    )
    assert '"summary": "Disk is full"' in copied


def test_the_keyboard_suffices(page: Page, send: Sender, sandbox: Sandbox) -> None:
    for name in ("a", "b", "c"):
        send(alert(name, f"Problem {name}"))
    page.open()
    page.wait_live()
    page.type("j", "j", "j", "j", "k")
    assert "Problem b" in page.run("return document.activeElement.innerText")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.run(outline) == "solid"
    page.type(Keys.ENTER)
    page.wait(f"location.pathname === '/alerts/{sandbox.alert('b').number}'")
    reached = []
    for _ in range(40):
        page.type(Keys.TAB)
        reached.append(page.run("return document.activeElement.id"))
        if reached[-1] == "resolve":
            break
    assert {"back", "acknowledge", "resolve"} <= set(reached)
    page.type(Keys.ENTER)
    page.wait("document.querySelector('.head .state')?.innerText === 'resolved'")
    page.open()
    page.type("/", "problem", Keys.ESCAPE)
    assert page.run("return document.activeElement === document.body")


HOSTILE = (
    "</title></script></pre><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    "<svg onload='window.pwned = 3'><a href='javascript:window.pwned = 4'>x</a>"
    '"onfocus=window.pwned=5 autofocus x="'
)


def test_nothing_in_an_event_runs(page: Page, send: Sender, sandbox: Sandbox) -> None:
    page.open()
    page.wait_live()
    details = {
        HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}],
        "rows": [HOSTILE, HOSTILE],
        "url": "javascript:pwned=6",
    }
    event = alert(HOSTILE, HOSTILE, component=HOSTILE, custom_details=details, **{"class": HOSTILE})
    item = {"href": "javascript:window.pwned = 7", "src": "javascript:window.pwned = 8", "text": HOSTILE}
    outside = {"href": "https://example.com/?" + HOSTILE, "src": "https://example.com/a.png", "alt": HOSTILE}
    event |= {"client": HOSTILE, "client_url": "javascript:window.pwned = 9"}
    send({**event, "links": [item, outside], "images": [item, outside]})
    page.wait_text("window.pwned = 1")
    for path in ("/", "/?q=" + HOSTILE.replace("#", ""), f"/alerts/{sandbox.alert(HOSTILE).number}"):
        page.open(path)
        page.wait_live()
        assert page.run("return window.pwned") is None
        assert page.run("return document.querySelectorAll('main img, main script, iframe').length") == 0
        assert page.run("return document.querySelectorAll('[href^=\"javascript\" i]').length") == 0
        assert page.run("return document.scripts.length") == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.usefixtures("busy")
def test_pages_fit_and_can_be_read(page: Page, sandbox: Sandbox, size: str, dark: bool) -> None:
    width, height = SIZES[size]
    trouble = next(alert.number for alert in sandbox.alerts if "/pay" in alert.summary)
    paths = {
        "list": "/",
        "nothing-found": "/?q=nothing+is+like+this",
        "alert": f"/alerts/{trouble}",
        "details": f"/alerts/{sandbox.alert('queue').number}",
        "change": f"/changes/{sandbox.changes[0].number}",
    }
    for name, path in paths.items():
        page.look(width=width, height=height, dark=dark)
        page.open(path)
        page.wait_live()
        require_readable(page, width)
        tall = page.run("return document.documentElement.scrollHeight")
        page.look(width=width, height=min(max(tall, height), 4000), dark=dark)
        page.keep_picture(f"{name}-{size}-{'dark' if dark else 'light'}")
    page.driver.get("about:blank")
    sandbox.clear()
    page.look(width=width, height=height, dark=dark)
    page.open()
    page.wait_live()
    require_readable(page, width)
    page.keep_picture(f"empty-{size}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("size", SIZES)
def test_no_text_is_too_wide_for_a_page(page: Page, send: Sender, sandbox: Sandbox, size: str) -> None:
    wide = "W" * 900
    marks = "Z" + "\u0355" * 500  # which no line may be broken between
    details = {wide: [wide, {wide: wide}], marks: marks, "occurrences": 10**40, "suppressed": 10**40}
    event = alert(wide, marks, component=wide, custom_details=details, **{"class": marks})
    send(
        {**event, "dedup_key": wide[:255], "links": [{"href": f"https://example.com/{wide}"}, {"href": wide}]}
    )
    width, height = SIZES[size]
    page.look(width=width, height=height)
    for path in ("/", f"/alerts/{sandbox.alert(wide[:255]).number}"):
        page.open(path)
        page.wait_live()
        assert page.run("return document.documentElement.scrollWidth") <= width


FAINT = """
const luminance = (color) => {
  const [r, g, b] = color.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = parsed(getComputedStyle(at).backgroundColor);
    if (color.length < 4 || color[3] === 1) return color.slice(0, 3);
  }
  return [255, 255, 255];
};
const faint = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (["SCRIPT", "NOSCRIPT"].includes(element.tagName)) continue;
  const [a, b] = [luminance(parsed(getComputedStyle(element).color).slice(0, 3)), luminance(behind(element))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${texts.currentNode.data.trim().slice(0, 40)}`);
}
return faint;
"""
"""The texts of a page with less contrast than WCAG 2 asks for (level AA, small text)."""


def require_readable(page: Page, width: int) -> None:
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run(FAINT) == []
    nameless = "return [...document.querySelectorAll('input, button')].filter(e => !e.computedName"
    labelled = " && !e.ariaLabel && !e.innerText && !e.labels?.length).length"
    assert page.run(nameless + labelled) == 0


@pytest.fixture
def without_scripts(driver: Any) -> Iterator[Callable[[], None]]:
    def switch(off: bool) -> None:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": off})

    yield lambda: switch(True)
    switch(False)


def test_it_works_without_scripts(
    page: Page, send: Sender, sandbox: Sandbox, without_scripts: Callable[[], None]
) -> None:
    send(alert("a", "Disk is full"))
    send(alert("b", "Queue is long"))
    without_scripts()
    page.driver.get(page.url)
    page.driver.find_element("id", "q").send_keys("queue")
    page.click("noscript button")
    page.wait_address("q=queue")
    assert "Disk is full" not in page.driver.page_source
    page.click(".entry a")
    page.wait_address("/alerts/")
    page.click("#resolve")
    sandbox.wait_until(lambda: sandbox.alert("b").state == "resolved", LIMIT)
