"""The page that `rehearse --html` draws, in a real browser."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.cli.rehearse import drawing
from pagerduty_logging.cli.rehearse.result import Result
from tests.cli.rehearse.logs import entry, rehearsed

pytest.importorskip("selenium", reason="needs the dependency group browser")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

NOON = 1_795_953_600.0
TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/a.py", line 1, in f\nValueError: <b>no</b>'
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def night(problems: int) -> Result:
    return rehearsed(
        entry(
            NOON + 86_400 * n / 3_000,
            f"kind {'x' * (n % problems + 1)} of a rather long message failed while nobody looked at it",
            50 if n % 97 == 0 else 40,
            traceback=TRACEBACK,
        )
        for n in range(3_000)
    )


@pytest.fixture
def page(driver: Any, tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "night.html"
    path.write_text(drawing.html(night(100), UTC), encoding="utf-8")
    driver.get("about:blank")
    for log in ("browser", "performance"):
        driver.get_log(log)
    driver.get(path.as_uri())
    yield driver
    complaints = [each["message"] for each in driver.get_log("browser")]
    driver.get("about:blank")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert complaints == []


def shown(driver: Any) -> list[Any]:
    return [lane for lane in driver.find_elements(By.CSS_SELECTOR, "main .lane") if lane.is_displayed()]


@pytest.mark.parametrize("size", SIZES)
def test_it_is_as_wide_as_the_window(page: Any, size: str):
    page.set_window_size(*SIZES[size])
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert len(shown(page)) == drawing.SHOWN


def test_a_click_shows_what_the_page_would_say(page: Any):
    page.set_window_size(*SIZES["desktop"])
    lane = shown(page)[0]
    assert not lane.find_element(By.CLASS_NAME, "page").is_displayed()
    lane.find_element(By.TAG_NAME, "summary").click()
    said = lane.find_element(By.CLASS_NAME, "page")
    assert said.is_displayed()
    assert "ValueError: <b>no</b>" in said.text
    assert "dedup key" in said.text


def test_keys_go_from_lane_to_lane_and_open_them(page: Any):
    body = page.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.switch_to.active_element.send_keys(Keys.ARROW_DOWN, Keys.ARROW_UP)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.execute_script("return document.activeElement.parentElement.open")
    lanes = shown(page)
    assert [lane.get_attribute("open") is not None for lane in lanes[:4]].count(True) == 1


def test_what_is_folded_is_a_click_away(page: Any):
    page.find_element(By.CSS_SELECTOR, ".more > summary").click()
    assert len(shown(page)) == 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colour_scheme(page: Any, scheme: str):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    background, text = page.execute_script(
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    )
    brightness = [sum(map(int, colour[4:-1].split(","))) for colour in (background, text)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 450
