"""LogRecord → dedup key: pure, the same in every process, host and release."""

from __future__ import annotations

import hashlib
import logging
from typing import NamedTuple


class Identity(NamedTuple):
    """A problem's key, and whether logger name and `msg` alone decide it."""

    key: str
    by_message: bool

    @classmethod
    def of(cls, *parts: str) -> str:
        """Return the key of the problem that `parts` make out."""
        text = "\0".join(parts).encode("utf-8", "backslashreplace")
        return "pdl1-" + hashlib.sha256(text).hexdigest()[:32]


class Fingerprinter:
    """Finds the problem that a record tells of."""

    def identify(self, record: logging.LogRecord) -> Identity:
        """Return the record's key: a versioned hash of logger name and message template."""
        own = getattr(record, "pagerduty", None)
        if isinstance(own, dict) and isinstance(own.get("dedup_key"), str) and own["dedup_key"]:
            return Identity(own["dedup_key"], False)
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        text = f"{record.name}\0{template}".encode("utf-8", "backslashreplace")
        return Identity("pdl1-" + hashlib.sha256(text).hexdigest()[:32], True)


def fingerprint(record: logging.LogRecord) -> str:
    """Return the key of the problem that `record` tells of."""
    return Fingerprinter().identify(record).key
