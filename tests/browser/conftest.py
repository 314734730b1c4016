"""A real browser before a sandbox, where both are to be had."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pagerduty_logging.sandbox import Sandbox
from tests.sandbox.sandbox_client import Sender

SWITCHES = [
    "--headless=new",
    "--no-sandbox",  # CI is root, for whom Chromium's own sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not (browser and chromedriver):
        pytest.skip("needs Chromium and its driver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in [*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    try:
        driver.get("about:blank")
        driver.get_log("performance")  # of the browser's own first page
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.clear()
    return shared_sandbox


@pytest.fixture
def send(sandbox: Sandbox) -> Iterator[Sender]:
    with requests.Session() as session:
        session.trust_env = False
        yield Sender(sandbox, session)


@pytest.fixture
def page(driver: Any, sandbox: Sandbox, complaints: Callable[[], list[str]]) -> Iterator[Any]:
    """A window; in the end, nothing may have been complained of, nor asked of any other machine."""
    from tests.browser.window import Page

    page = Page(driver, sandbox)
    page.look()
    yield page
    driver.get("about:blank")
    assert complaints() == []


@pytest.fixture
def complaints(driver: Any, sandbox: Sandbox) -> Callable[[], list[str]]:
    """What the console complains of, and the addresses beyond the sandbox that were asked."""

    def complaints() -> list[str]:
        found = [entry["message"] for entry in driver.get_log("browser")]
        for entry in driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((sandbox.url, "about:", "chrome:")):
                    found.append(url)
        return found

    return complaints
