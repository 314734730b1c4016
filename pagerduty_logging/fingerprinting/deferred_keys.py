"""Keys that the worker finds, and that the marks of exceptions wait for."""

from __future__ import annotations

import logging
from typing import NamedTuple, cast

from pagerduty_logging.record.exceptions import LoggedFailure
from pagerduty_logging.record.occurrence import Occurrence

from . import Fingerprinter, Token, token_of
from .plain_exceptions import PlainException, record_with


class _Deferred(NamedTuple):
    """The data of an exception from which the key is found, and the list that gets the key."""

    error: PlainException
    holder: list[str]


class DeferredKeys:
    """Finds the keys of occurrences on whichever thread asks first; every thread finds the same.

    Args:
        fingerprinter: makes the keys.
    """

    def __init__(self, fingerprinter: Fingerprinter) -> None:
        self._fingerprinter = fingerprinter
        self._waiting: dict[int, Occurrence] = {}

    def forget(self) -> None:
        """Forget all occurrences that wait for a key."""
        self._waiting.clear()

    def defer(self, occurrence: Occurrence, failure: LoggedFailure, error: PlainException) -> list[str]:
        """Leave the key of an occurrence for later; return an empty list that will get it.

        A mark holds this list, not the occurrence, so that a marked exception can be pickled.
        """
        holder: list[str] = []
        failure.deferred = _Deferred(error, holder)
        self._waiting[id(holder)] = occurrence  # keeps the list alive
        return holder

    def key_in(self, holder: list[str]) -> str | None:
        """Return the key that a list from `defer` gets; None if it comes from another process."""
        if holder:
            return holder[0] if type(holder[0]) is str else None
        occurrence = self._waiting.get(id(holder))
        if occurrence is not None:
            return self.key_of(occurrence)
        return holder[0] if holder else None  # another thread has just found it

    def key_of(self, occurrence: Occurrence) -> str:
        """Return the dedup key of an occurrence; find it, if that was not done yet."""
        deferred = _deferred(occurrence)
        if occurrence.key is None:
            record = _record_of(occurrence, deferred)
            key, occurrence.by_message = self._fingerprinter.identify(record)
            occurrence.key = key
        if deferred is not None and not deferred.holder:
            deferred.holder.append(occurrence.key)
            self._waiting.pop(id(deferred.holder), None)
        return occurrence.key

    def token_of(self, occurrence: Occurrence) -> Token | None:
        """Return what decides the key of an occurrence, if nothing but that does.

        It may raise an `Exception` for a record that was made by hand.
        """
        token = cast("Token | None", occurrence.token)
        failure = occurrence.failure
        is_plain = occurrence.contents is None and (failure is None or failure.deferred is not None)
        if token is None and is_plain:
            token = token_of(_record_of(occurrence, _deferred(occurrence)))
        if token is None or self._fingerprinter.key_by(token) != occurrence.key:
            return None
        return token


def _record_of(occurrence: Occurrence, deferred: _Deferred | None) -> logging.LogRecord:
    return occurrence.record if deferred is None else record_with(occurrence.attributes, deferred.error)


def _deferred(occurrence: Occurrence) -> _Deferred | None:
    return None if occurrence.failure is None else cast("_Deferred | None", occurrence.failure.deferred)
