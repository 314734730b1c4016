"""A browser's window, as the tests use it."""

import os
from pathlib import Path
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from pagerduty_logging.sandbox import Sandbox

LIMIT = 60  # seconds for anything to appear
ARTIFACTS = Path(os.environ.get("ARTIFACTS") or Path(__file__).parents[2] / ".ci" / "artifacts")
"""Where screenshots are left for people to look at."""


class Page:
    """A browser's window before the sandbox's pages."""

    def __init__(self, driver: Any, sandbox: Sandbox) -> None:
        self.driver = driver
        self.url = sandbox.url

    def open(self, path: str = "/") -> None:
        self.driver.get(self.url + path)
        self.driver.execute_script("window.sameDocument = true")

    def run(self, script: str, *args: Any) -> Any:
        return self.driver.execute_script(script, *args)

    def wait(self, script: str, *args: Any) -> Any:
        """Wait until the script's value is true, and return it."""
        message = f"never true: {script}"
        return WebDriverWait(self.driver, LIMIT, 0.05).until(
            lambda driver: driver.execute_script(f"return {script}", *args), message
        )

    def wait_address(self, part: str) -> None:
        """Wait until the window is at an address with this part."""
        WebDriverWait(self.driver, LIMIT, 0.05).until(lambda driver: part in driver.current_url, part)

    def wait_live(self) -> None:
        """Wait until the page hears of news."""
        self.wait("document.querySelector('#live.on') !== null")

    def wait_text(self, text: str) -> None:
        self.wait("document.body.innerText.includes(arguments[0])", text)

    def type(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    @property
    def summaries(self) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll('.summary')].map(e => e.innerText.trim())"
        )
        return found

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def keep_picture(self, name: str) -> None:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(ARTIFACTS / f"{name}.png"))
