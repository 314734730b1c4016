"""Live updates of open pages: server-sent events that say when there is something new to show."""

import threading
from collections.abc import Iterator

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.sandbox.store import Store

MIMETYPE = "text/event-stream"
MAX_STREAMS = 50  # open pages with live updates; each holds a thread and a connection
HEARTBEAT = 15.0  # seconds after which a stream without news sends a keep-alive
PAUSE = 0.2  # seconds between two updates, so that a storm causes few of them
_LOOK = 1.0  # seconds between checks whether a stream was ended to make room


class Live:
    """The streams of one sandbox.

    A stream sends the store's revision, at once and whenever it changes. Beyond `MAX_STREAMS` the
    oldest one ends; its page reconnects if it is still open.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._streams: list[threading.Event] = []  # set: the stream must end
        self._closed = True

    def open(self) -> None:
        """Allow streams to start."""
        with self._lock:
            self._closed = False

    def close(self) -> None:
        """End all streams immediately, and allow no new ones."""
        with self._lock:
            self._closed = True
            for ended in self._streams:
                ended.set()
        self._store.wake()

    def stream(self) -> Iterator[bytes]:
        """Yield the bytes of a new stream, until `close`."""
        ended = threading.Event()
        with self._lock:
            if self._closed:
                ended.set()
            self._streams.append(ended)
            if len(self._streams) > MAX_STREAMS:
                self._streams.pop(0).set()
        try:
            yield from self._news(ended)
        finally:
            with self._lock:
                if ended in self._streams:
                    self._streams.remove(ended)

    def _news(self, ended: threading.Event) -> Iterator[bytes]:
        yield b"retry: 1000\n\n"
        sent, sent_at = -1, monotonic()
        while not ended.is_set():
            revision = self._store.wait_for_news(sent, _LOOK, ended.is_set)
            if revision != sent:
                sent, sent_at = revision, monotonic()
                yield b"data: %d\n\n" % revision
                ended.wait(PAUSE)
            elif monotonic() - sent_at > HEARTBEAT:
                sent_at = monotonic()
                yield b":\n\n"
