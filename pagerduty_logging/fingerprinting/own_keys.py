"""Dedup keys that the application gives, as they are sent: one rule for `fingerprint` and the handler."""

from __future__ import annotations

import functools
from collections.abc import Callable

from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS, fit_dedup_key
from pagerduty_logging.events_api.text import plain


def sendable(key: str, redacted: Callable[[str], str] | None = None) -> str:
    """Return a key as it is sent: one line of plain text without a secret.

    A key over 255 characters is sent as a digest of itself.

    Args:
        key: as the application gave it.
        redacted: takes secrets out; default: what a handler does without `redact`.
    """
    shown = plain(key).replace("\n", " ") if len(key) <= MAX_DEDUP_KEY_CHARS else key
    return (redacted or _usual())(fit_dedup_key(shown))


@functools.cache
def _usual() -> Callable[[str], str]:
    from pagerduty_logging.page.redaction import Redactor

    return Redactor().key
