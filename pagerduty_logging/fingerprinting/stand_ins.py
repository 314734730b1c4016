"""One key for what would be too many: the messages of one line, and the functions that report one text.

A line that logs a client's words (`log.error(text)`) makes a problem of every word; a database that is down
makes one of every function that logs the error. The first of them page as they are. What is beyond them has
one key, so that neither pushes out another's page.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.page import together
from pagerduty_logging.page.together import StandIn
from pagerduty_logging.record.exceptions import Frame
from pagerduty_logging.record.occurrence import Occurrence
from pagerduty_logging.state.crowds import Crowds

if TYPE_CHECKING:
    from pagerduty_logging.fingerprinting.problem import Identifier

MAX_KEYS_OF_A_LINE, LINE_SECONDS = 50, 300.0
"""Keys that one line may open within so many seconds; what is beyond is one problem."""
MAX_FUNCTIONS_OF_A_TEXT, TEXT_SECONDS = 5, 60.0
"""Functions that may report one text within so many seconds; what is beyond is one storm."""
EXAMPLES, FUNCTIONS = 10, 100
"""Messages of a line, and functions that report a text, that are shown."""
MAX_TEXT_CHARS = 500
"""Characters of a message, and of its exception's text, that are compared and shown."""

_VALUES = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_LETTER = re.compile(r"[^\W\d_]")


class StandIns:
    """Says which occurrences share an alert with others.

    Args:
        identifier: makes the keys.
    """

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier
        self._lines = Crowds(MAX_KEYS_OF_A_LINE, LINE_SECONDS, examples=EXAMPLES)
        self._texts = Crowds(MAX_FUNCTIONS_OF_A_TEXT, TEXT_SECONDS, examples=FUNCTIONS)

    def forget(self) -> None:
        """Know nothing: this is another process, or another test."""
        self._lines.forget()
        self._texts.forget()

    def of(self, occurrence: Occurrence, key: str, severity: Severity) -> StandIn | None:
        """Return what an occurrence of the problem with this key is shown as; None: as that problem.

        So is always what is critical, and what the application itself gave a key.
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
        crowd = self._lines.note(hash((origin.path, origin.line)), key, words, at)
        if crowd is not None:
            line = f"{_file(origin.path)}:{origin.line}"
            stand_in = self._identifier.identify_together("", f"messages of {line} in {origin.function}")
            return StandIn(stand_in, partial(together.messages_of_a_line, crowd=crowd, line=origin))
        return self._storm(occurrence, origin, words, at)

    def _storm(self, occurrence: Occurrence, origin: Frame, words: str, at: float) -> StandIn | None:
        text = _VALUES.sub("0", f"{words}\n{_failure(occurrence)}")
        if _LETTER.search(text) is None:
            return None
        function = f"{origin.function} ({_file(origin.path)})"
        crowd = self._texts.note(hash(text), function, function, at)
        if crowd is None:
            return None
        stand_in = self._identifier.identify_together("", f"functions that report {text}")
        return StandIn(stand_in, partial(together.functions_with_a_text, crowd=crowd))


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
