"""Which problem a record is about: its own key, its exception's, the user's function's, or a fingerprint."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting import (
    Fingerprinter,
    Identity,
    Token,
    causes,
    failure,
    parts,
    token_of,
    with_handled,
    writes_traceback,
)
from pagerduty_logging.fingerprinting.arguments import raised_among
from pagerduty_logging.fingerprinting.deferred_keys import DeferredKeys
from pagerduty_logging.fingerprinting.dispatch import logged_by_runner
from pagerduty_logging.fingerprinting.plain_exceptions import plain
from pagerduty_logging.fingerprinting.words import shown
from pagerduty_logging.record import overrides
from pagerduty_logging.record.occurrence import Occurrence, salvage


class Identifier:
    """Finds the dedup keys of records.

    Args:
        fingerprint: as given to the handler.
        redacted: removes secrets from dedup keys that the application gives.
        environment, client: parts of the keys made here, see `Fingerprinter`.

    Attributes:
        fingerprinter: makes the keys that the application does not give itself.
        has_function: whether the option `fingerprint` is a function, which runs on the thread that logs.

    Raises:
        ValueError, TypeError: if `fingerprint` is neither a function nor a mapping of options.
    """

    def __init__(
        self,
        fingerprint: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None,
        redacted: Callable[[str], str],
        *,
        environment: str | None = None,
        client: str | None = None,
    ) -> None:
        joined: dict[str, Any] = {"environment": environment, "client": client}
        self.fingerprinter, self._function = _fingerprints(fingerprint, joined)
        self._raw = Fingerprinter(template_source="raw", **joined)
        self.has_function = self._function is not None
        self._deferred = DeferredKeys(self.fingerprinter)
        self._redacted = redacted

    @staticmethod
    def token_of(record: logging.LogRecord) -> Token | None:
        """Return what decides the key of a record, if only that does. Runs the application's code."""
        return token_of(record, shown)

    with_handled = staticmethod(with_handled)
    writes_traceback = staticmethod(writes_traceback)

    def identify(self, record: logging.LogRecord, marked: str | None, defects: list[str]) -> Identity:
        """Return the problem of a record. Runs the application's code; raises none of its exceptions.

        Args:
            record: the record.
            marked: the key under which its exception has paged, if it is still the same failure.
            defects: gets what goes wrong, as text.
        """
        own = overrides.own_key(record.__dict__)
        if own is not None:
            return Identity(self.sendable(own), by_message=False)
        if marked is not None:
            return Identity(marked, by_message=False)
        if self._function is not None:
            try:
                key = self.sendable(str(self._function(record)))
                if key:
                    return Identity(key, by_message=False)
                defects.append("fingerprint returned nothing")
            except Exception as broken:
                defects.append(f"fingerprint raised {type_name(broken)}")
        try:
            return self.fingerprinter.identify(record)
        except Exception as broken:
            return self._unidentified(record, broken, defects)

    # --- on the worker ----------------------------------------------------------------------------

    def defer(
        self, occurrence: Occurrence, error: BaseException, traceback: TracebackType | None
    ) -> list[str] | None:
        """Leave the key for the worker to find; None if it must be found at once.

        Args:
            occurrence: of plain data.
            error: its exception.
            traceback: its traceback.

        Returns:
            an empty list that will get the key.
        """
        seen = None if self.has_function else plain(error, traceback)
        about, failure = occurrence.attributes, occurrence.failure
        if (
            failure is None
            or seen is None
            or logged_by_runner(seen.codes, traceback, about.get("pathname"), about.get("funcName"))
        ):
            return None
        return self._deferred.defer(occurrence, failure, seen)

    def deferred_key(self, holder: list[str]) -> str | None:
        """Return the key that a list from `defer` gets; None if it comes from another process."""
        return self._deferred.key_in(holder)

    def key_of(self, occurrence: Occurrence) -> str:
        """Return the dedup key of an occurrence; find it, if that was not done yet."""
        try:
            return self._deferred.key_of(occurrence)
        except Exception as broken:
            identity = self._unidentified(occurrence.record, broken, occurrence.defects)
            occurrence.key, occurrence.by_message = identity
            return self._deferred.key_of(occurrence)  # for the mark of its exception

    def deciding_token(self, occurrence: Occurrence) -> Token | None:
        """Return what decides the key of an occurrence, if nothing but that does.

        It may raise an `Exception` for a record that was made by hand.
        """
        return None if self.has_function else self._deferred.token_of(occurrence)

    def forget(self) -> None:
        """Forget all keys still to be found: this is another process, or another test."""
        self._deferred.forget()

    # --- without the record's own code -------------------------------------------------------------

    def _unidentified(self, record: logging.LogRecord, broken: Exception, defects: list[str]) -> Identity:
        defects.append(f"the problem could not be identified: {type_name(broken)}")
        return self.identify_bare(salvage(record))

    def identify_bare(self, occurrence: Occurrence) -> Identity:
        """Return the problem of an occurrence that was read without the application's code."""
        words = occurrence.contents.message if occurrence.contents else ""
        plain_record = logging.makeLogRecord({"name": occurrence.logger, "msg": words})
        return self._raw.identify(plain_record)._replace(by_message=False)

    def identify_flood(self, words: str) -> str:
        """Return the key that the problems of a flood share, from words that describe it."""
        return self._raw.identify(logging.makeLogRecord({"name": "", "msg": words})).key

    def sendable(self, key: str) -> str:
        """Return a dedup key that the application gave, as it is sent."""
        return parts.sendable(key, self._redacted)


_OPTIONS = tuple(inspect.signature(Fingerprinter).parameters)


def _fingerprints(
    option: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None,
    joined: Mapping[str, Any],
) -> tuple[Fingerprinter, Callable[[logging.LogRecord], str] | None]:
    """Return our own fingerprinter, and the user's function, which comes first."""
    if not isinstance(option, Mapping):
        if option is not None and not callable(option):
            raise TypeError(
                f"fingerprint must be callable, a mapping of options or None, not {type(option).__name__}"
            )
        return Fingerprinter(**joined), options.function("fingerprint", option, "record")
    for name in option:
        if name not in _OPTIONS:
            raise TypeError(f"fingerprint has no option {name!r}: it has {', '.join(_OPTIONS)}")
    try:
        return Fingerprinter(**{**joined, **option}), None
    except (TypeError, ValueError) as error:
        raise type(error)(f"fingerprint: {error}") from None


# --- records of which a part alone decides the problem ----------------------------------------------


def decides_alone(record: logging.LogRecord) -> bool:
    """Return whether the template of RECORD alone decides its key: arguments and exceptions say no more."""
    raised = raised_among(record.args)
    return raised is not None and says_all(record, raised, also=True)


def object_alone(record: logging.LogRecord) -> object:
    """Return the message of RECORD if that alone may decide its key: data, or an exception; else None."""
    said: object = record.msg
    if record.args:
        only = (
            record.args[0] if said == "%s" and type(record.args) is tuple and len(record.args) == 1 else None
        )
        return only if causes.is_exception(only) and decides_alone(record) else None
    if not causes.is_exception(said):
        return said if says_all(record, []) else None
    info = record.exc_info
    if not info:
        return None if record.exc_text else said
    return said if type(info) is tuple and len(info) == 3 and failure.is_ordinary(record, info[1]) else None


def says_all(record: logging.LogRecord, raised: list[BaseException], *, also: bool = False) -> bool:
    """Return whether the line's own `except` caught all that RECORD reports; ALSO: in its `exc_info`, too."""
    info: Any = record.exc_info
    if info:
        if not also or type(info) is not tuple or len(info) != 3:
            return False
        raised = [info[1], *[error for error in raised if error is not info[1]]] if raised else [info[1]]
    elif record.exc_text:
        return False
    elif not raised and (handled := sys.exception()) is not None:
        raised = [handled]
    for error in raised:  # noqa: SIM110  # a generator costs more than most of this
        if not failure.is_ordinary(record, error):
            return False
    return True
