"""What the current thread is in the middle of: our own work, or a callback of the program's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Here:
    """Knows it for each thread.

    Not a `threading.local`: if gevent patches threading after our import, its greenlets would share one.
    """

    def __init__(self) -> None:
        self._at_work: set[int] = set()
        self._in_callback: set[int] = set()

    @property
    def busy(self) -> bool:
        me = threading.get_ident()
        return me in self._at_work or me in self._in_callback

    @property
    def at_work(self) -> bool:
        return threading.get_ident() in self._at_work

    @property
    def in_callback(self) -> bool:
        return threading.get_ident() in self._in_callback

    @contextmanager
    def working(self) -> Iterator[None]:
        me = threading.get_ident()
        self._at_work.add(me)
        try:
            yield
        finally:
            self._at_work.discard(me)

    @contextmanager
    def calling_back(self) -> Iterator[None]:
        me = threading.get_ident()
        self._in_callback.add(me)
        try:
            yield
        finally:
            self._in_callback.discard(me)
