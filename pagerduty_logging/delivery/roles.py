"""What each thread is doing for the delivery: sending, or running one of the application's callbacks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

CARRIERS = ("urllib3", "requests", "charset_normalizer", "redis", "valkey", "py")
"""Loggers of the libraries that send our events and talk to the shared state, and the one of warnings: what
they log meanwhile is about our own delivery."""


class _AsSender:
    """Marks the thread that enters it; a class, for it is entered with each exchange."""

    __slots__ = ("_me", "_sending", "_was")

    def __init__(self, sending: set[int]) -> None:
        self._sending = sending

    def __enter__(self) -> None:
        self._me = threading.get_ident()
        self._was = self._me in self._sending
        self._sending.add(self._me)

    def __exit__(self, *_: object) -> None:
        if not self._was:
            self._sending.discard(self._me)


class Roles:
    """Tracks, per thread, whether it sends or is in a callback.

    Not a `threading.local`: if gevent patches threading after our import, its greenlets would share one.
    """

    def __init__(self) -> None:
        self._sending: set[int] = set()
        self._in_callback: set[int] = set()

    @property
    def busy(self) -> bool:
        """Whether the current thread sends or runs a callback."""
        me = threading.get_ident()
        return me in self._sending or me in self._in_callback

    @property
    def sending(self) -> bool:
        """Whether the current thread sends."""
        return threading.get_ident() in self._sending

    def covers(self, logger: object) -> bool:
        """Return whether what this thread logs now comes from our own delivery."""
        me = threading.get_ident()
        if me in self._in_callback:
            return True
        return me in self._sending and type(logger) is str and logger.partition(".")[0] in CARRIERS

    def as_sender(self) -> _AsSender:
        """Mark this thread as sending, in a `with` block, which may be nested."""
        return _AsSender(self._sending)

    @contextmanager
    def as_callback(self) -> Iterator[None]:
        """Mark this thread as running a callback, in a `with` block."""
        me = threading.get_ident()
        self._in_callback.add(me)
        try:
            yield
        finally:
            self._in_callback.discard(me)
