"""One key for a flood: too many messages of one line, or too many functions that report one text.

A line that logs a client's words (`log.error(text)`) makes a problem of every word; a database that is down
makes one of every function that logs the error. The first of them page as they are. The rest have one key, so
that they push out no other problem's page.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.page import flood_alert
from pagerduty_logging.page.flood_alert import FloodAlert
from pagerduty_logging.record.exceptions import Frame
from pagerduty_logging.record.occurrence import Occurrence
from pagerduty_logging.state.floods import Floods

if TYPE_CHECKING:
    from pagerduty_logging.fingerprinting.problem import Identifier

MAX_KEYS_OF_A_LINE, LINE_SECONDS = 50, 300.0
"""Keys that one line may open within so many seconds; what is beyond is a flood."""
MAX_FUNCTIONS_OF_A_TEXT, TEXT_SECONDS = 5, 60.0
"""Functions that may report one text within so many seconds; what is beyond is a flood."""
EXAMPLES, FUNCTIONS = 10, 100
"""Messages of a line, and functions that report a text, that are shown."""
MAX_TEXT_CHARS = 500
"""Characters of a message, and of its exception's text, that are compared and shown."""

_VALUES = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_LETTER = re.compile(r"[^\W\d_]")


class FloodKeys:
    """Says which occurrences are part of a flood, and which key that has.

    Args:
        identifier: makes the keys.
    """

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier
        self._lines = Floods(MAX_KEYS_OF_A_LINE, LINE_SECONDS, examples=EXAMPLES)
        self._texts = Floods(MAX_FUNCTIONS_OF_A_TEXT, TEXT_SECONDS, examples=FUNCTIONS)

    def forget(self) -> None:
        """Know nothing: this is another process, or another test."""
        self._lines.forget()
        self._texts.forget()

    def of(self, occurrence: Occurrence, key: str, severity: Severity) -> FloodAlert | None:
        """Return the alert that an occurrence of the problem with this key shares; None: it has its own.

        What is critical, or has a key that the application gave it, always has its own.
        """
        origin = occurrence.origin
        if (
            severity is Severity.CRITICAL
            or self._identifier.has_function
            or "dedup_key" in occurrence.overrides
            or not origin.path  # nobody knows the line
        ):
            return None
        words, at = _words(occurrence), occurrence.at
        # Whatever the logger: an outsider's text may be part of its name.
        flood = self._lines.note(hash((origin.path, origin.line)), key, words, at)
        if flood is not None:
            line = f"{_file(origin.path)}:{origin.line}"
            key = self._identifier.identify_flood(f"messages of {line} in {origin.function}")
            return FloodAlert(key, partial(flood_alert.messages_of_a_line, flood=flood, line=origin))
        return self._flood_of(occurrence, origin, words, at)

    def _flood_of(self, occurrence: Occurrence, origin: Frame, words: str, at: float) -> FloodAlert | None:
        text = _VALUES.sub("0", f"{words}\n{_failure(occurrence)}")
        if _LETTER.search(text) is None:
            return None
        function = f"{origin.function} ({_file(origin.path)})"
        flood = self._texts.note(hash(text), function, function, at)
        if flood is None:
            return None
        key = self._identifier.identify_flood(f"functions that report {text}")
        return FloodAlert(key, partial(flood_alert.functions_with_a_text, flood=flood))


def _words(occurrence: Occurrence) -> str:
    """Return the message, without reading all of an occurrence that may not page at all."""
    if occurrence.contents is not None:
        message = occurrence.contents.message
    else:
        try:
            message = occurrence.record.getMessage()
        except Exception:  # arguments that do not fit
            message = occurrence.attributes["msg"]
    return message[:MAX_TEXT_CHARS]


def _failure(occurrence: Occurrence) -> str:
    if not occurrence.around.chain:
        return occurrence.exc_text[-MAX_TEXT_CHARS:]
    raised = occurrence.around.chain[0]
    return f"{raised.kind}: {raised.text[:MAX_TEXT_CHARS]}"


def _file(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
