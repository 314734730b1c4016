"""A client for the command: it reports failed attempts while it keeps trying."""

from __future__ import annotations

import time
from typing import Any

from pagerduty_logging.cli import output
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Receipt


class ReportingClient(EventsClient):
    """Prints to standard error why an attempt failed, and when the next one follows."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, sleep=self._report_and_sleep)
        self._last_error = ""

    def post(self, encoded: EncodedEvent, timeout: float | None = None) -> Receipt:
        """Make one attempt, and remember why it failed."""
        try:
            return super().post(encoded, timeout)
        except EventsError as error:
            self._last_error = str(error)
            raise

    def _report_and_sleep(self, seconds: float) -> None:
        output.complain(f"not accepted yet: {self._last_error}; trying again in {seconds:.1f} s")
        time.sleep(seconds)
