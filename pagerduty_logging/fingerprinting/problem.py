"""Which problem a record tells of: its own word, the mark of its exception, else its fingerprint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS, fit_dedup_key
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.events_api.text import plain
from pagerduty_logging.fingerprinting import Fingerprinter, Identity
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.record import overrides
from pagerduty_logging.record.snapshot import Snapshot, salvage

_RAW = Fingerprinter(template_source="raw")


class Identifier:
    """Finds the dedup keys of records.

    Args:
        fingerprint: as given to the handler.
        redactor: has the last word on dedup keys of the program's.

    Attributes:
        fingerprinter: finds the keys that nothing of the program's has a say in.

    Raises:
        ValueError, TypeError: if `fingerprint` is neither a function nor a mapping of options.
    """

    def __init__(
        self, fingerprint: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None, redactor: Redactor
    ) -> None:
        self.fingerprinter, self._function = _fingerprints(fingerprint)
        self._redactor = redactor

    def identify(
        self,
        record: logging.LogRecord,
        wished: dict[object, Any],
        marked: str | None,
        defects: list[str],
    ) -> Identity:
        """Return the problem of a record. Runs the program's code; raises none of its exceptions.

        Args:
            record: the record.
            wished: what it says about its own page.
            marked: the dedup key that its exception is marked with.
            defects: takes what goes wrong.
        """
        asked = overrides.wish(wished, "dedup_key") if wished else None
        if asked is not None:
            return Identity(self.shown_key(asked), by_message=False)
        if marked is not None:
            return Identity(marked, by_message=False)
        if self._function is not None:
            try:
                key = self.shown_key(str(self._function(record)))
                if key:
                    return Identity(key, by_message=False)
                defects.append("fingerprint returned nothing")
            except Exception as broken:
                defects.append(f"fingerprint raised {type_name(broken)}")
        try:
            return self.fingerprinter.identify(record)
        except Exception as broken:
            defects.append(f"the problem could not be identified: {type_name(broken)}")
            return identity_of(salvage(record))

    def shown_key(self, key: str) -> str:
        """Return a dedup key of the program's as it leaves: one line of plain text without a secret."""
        shown = plain(key).replace("\n", " ") if len(key) <= MAX_DEDUP_KEY_CHARS else key
        return self._redactor.key(fit_dedup_key(shown))


def identity_of(snapshot: Snapshot) -> Identity:
    """Return the problem of what could be read without running the program's code."""
    plain_record = logging.makeLogRecord({"name": snapshot.logger, "msg": snapshot.message})
    return _RAW.identify(plain_record)._replace(by_message=False)


def _fingerprints(
    option: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None,
) -> tuple[Fingerprinter, Callable[[logging.LogRecord], str] | None]:
    """Return our own fingerprinter, and the user's function, which comes first."""
    if not isinstance(option, Mapping):
        return Fingerprinter(), options.function("fingerprint", option)
    try:
        return Fingerprinter(**option), None
    except (TypeError, ValueError) as error:
        raise type(error)(f"fingerprint: {error}") from None
