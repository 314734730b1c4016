"""`Sandbox`: the local stand-in for PagerDuty as an object."""

import contextlib
import os
import random
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.sandbox import expectations, this_process
from pagerduty_logging.sandbox.app import create_app, is_loopback
from pagerduty_logging.sandbox.faults import Answer, Fault, Script
from pagerduty_logging.sandbox.keep import KeepFile
from pagerduty_logging.sandbox.limits import RateLimit
from pagerduty_logging.sandbox.live import Live
from pagerduty_logging.sandbox.rules import EXAMPLE_ROUTING_KEY
from pagerduty_logging.sandbox.store import Store
from pagerduty_logging.sandbox.tls import from_files, made_for
from pagerduty_logging.sandbox.values import AcceptedEvent, Alert, ChangeEvent, Request
from pagerduty_logging.sandbox.wire import WireServer

StrPath = str | os.PathLike[str]

_NEAR = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # all addresses: one that connects
_POLL_SECONDS = 0.1  # seconds between checks whether to stop accepting connections


class Sandbox:
    """A local stand-in for PagerDuty's Events API v2.

    It accepts and refuses events as PagerDuty does, keeps the alerts that they open, and fails on request.
    A context manager, safe to share between threads. `stop` keeps the events and the port, so that `start`
    brings the same server back.

    Arguments:
        host: the address to listen on.
        port: the port; 0 takes a free one, which later starts use again.
        rate_limit: events in any 60 seconds for one routing key; more are answered with 429.
            None: no limit. PagerDuty's is about 120.
        allow_remote: needed to listen on an address that other machines reach; requests need no
            loopback name then.
        tls: True: https with a new certificate (`ca_file` is what a client has to trust); a pair of
            paths: https with the certificate chain and the key in these PEM files.
        keep: a file to which events are appended, and from which the newest 10,000 are loaded; it holds
            their routing keys, so only its owner can read it. None: memory only.
        clock: returns seconds, for the rate limit.
        draw: returns a random number from 0 to 1, for `fail_share`.

    Raises:
        ValueError: the host is not a loopback address and `allow_remote` is false, the rate limit is
            below 1, or the file of `keep` holds something else.
        OSError: a file cannot be read or written.
        ModuleNotFoundError: `tls=True` without the package trustme.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        rate_limit: int | None = None,
        allow_remote: bool = False,
        tls: bool | tuple[StrPath, StrPath] = False,
        keep: StrPath | None = None,
        clock: Callable[[], float] = monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise ValueError(
                f"host {host!r} can be reached from other machines, and everybody who reaches it "
                "reads the events: allow_remote says that this is meant"
            )
        self._host = host
        self._port = port
        self._store = Store()
        self._script = Script(draw=draw)
        self._limit = RateLimit(rate_limit, clock=clock)
        self._live = Live(self._store)
        if keep is not None:
            self._store.keep_in(KeepFile(keep))
        self._tls: ssl.SSLContext | None = None
        self._ca_file: str | None = None
        if isinstance(tls, tuple):
            self._tls = from_files(*tls)
        elif tls:
            self._tls, self._ca_file = made_for(host)
            weakref.finalize(self, _remove, self._ca_file)
        self._app = create_app(
            self._store,
            self._script,
            self._limit,
            self._live,
            clear=self.clear,
            allow_remote=allow_remote,
            ca_file=self._ca_file,
        )
        self._lock = threading.Lock()
        self._running: tuple[WireServer, threading.Thread] | None = None

    def start(self) -> Self:
        """Start listening, and return when requests are accepted; does nothing if it is running already.

        Raises:
            OSError: the address cannot be used, for example because another program has the port.
        """
        with self._lock:
            if self._running is None:
                family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
                with socket.create_server((self._host, self._port), family=family) as listener:
                    self._port = listener.getsockname()[1]
                    server = WireServer(self._host, listener, self._app, self._store, self._script, self._tls)
                self._live.open()
                thread = threading.Thread(
                    target=server.serve_forever,
                    args=(_POLL_SECONDS,),
                    name="pagerduty-logging-sandbox",
                    daemon=True,
                )
                thread.start()
                self._running = (server, thread)
        return self

    def stop(self) -> None:
        """Stop listening and end all connections, hanging ones too, in well under a second.

        Answers that are being sent are finished. Safe to call again.
        """
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                server, thread = running
                self._live.close()
                server.stop()
                thread.join()
                self._store.end_followers()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:8787`; known after the start."""
        host = _NEAR.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    @property
    def ca_file(self) -> str | None:
        """The path of the PEM file that a client has to trust, with `tls=True`.

        It is deleted with the sandbox.
        """
        return self._ca_file

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts, most recently opened first."""
        return self._store.alerts

    @property
    def changes(self) -> tuple[ChangeEvent, ...]:
        """The change events, newest first."""
        return self._store.changes

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """The bodies of all accepted events, change events too, in order of arrival.

        Their routing keys equal those that were sent; their repr shows the last four characters only.
        """
        return tuple(event.body for event in self._store.events)

    @property
    def requests(self) -> tuple[Request, ...]:
        """All HTTP requests in order of arrival, except those to the sandbox's own pages and API."""
        return self._store.requests

    def alert(
        self,
        dedup_key: expectations.Text | None = None,
        *,
        timeout: float = 5.0,
        **fields: Unpack[expectations.Expected],
    ) -> Alert:
        """Wait for an alert that is as expected; of several, return the most recently opened one.

        `alert(summary="payment 4711 failed", severity="error")`. A text must be equal, a compiled pattern
        must be found; a mapping such as `custom_details` must have the given entries.

        Raises:
            AssertionError: there is none after `timeout` seconds; the message says in which fields the
                existing alerts differ.
            TypeError: an alert has no such field.
        """
        __tracebackhide__ = True
        expected: dict[str, object] = {**fields}
        if dedup_key is not None:
            expected["dedup_key"] = dedup_key
        expectations.check(expected)
        found: list[Alert] = []

        def look() -> bool:
            found[:] = expectations.fitting(self.alerts, expected)
            return bool(found)

        if not self._store.wait_until(look, timeout):
            raise AssertionError(
                f"{expectations.comparison(self.alerts, expected)}\n{self._circumstances(timeout)}"
            )
        return found[0]

    def assert_no_pages(self, timeout: float = 5.0) -> None:
        """Assert that there is no alert, and that none is being sent by this process.

        Waits for the records that the handlers of this process have accepted; not for what is logged later,
        or by other processes.

        Raises:
            AssertionError: there is an alert, or after `timeout` seconds there may still be one.
        """
        __tracebackhide__ = True
        self.settle(timeout)
        if self.alerts:
            alerts = "\n".join(f"  {expectations.one_line(alert)}" for alert in self.alerts)
            raise AssertionError(f"expected no pages, got {len(self.alerts)}:\n{alerts}")

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until no handler of this process has anything to send.

        Events that wait for their next attempt are retried at once.

        Raises:
            AssertionError: something is still pending after `timeout` seconds.
        """
        __tracebackhide__ = True
        if not this_process.settled(timeout):
            raise AssertionError(f"pages are still under way\n{self._circumstances(timeout)}")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make a program page this sandbox."""
        trust = {} if self._ca_file is None else {"REQUESTS_CA_BUNDLE": self._ca_file}
        return {"PAGERDUTY_EVENTS_URL": self.url, "PAGERDUTY_ROUTING_KEY": EXAMPLE_ROUTING_KEY, **trust}

    @contextlib.contextmanager
    def redirect(self) -> Iterator[None]:
        """Redirect everything that this process pages to the sandbox: `with Sandbox() as s, s.redirect():`.

        Sets the variables of `environment`. Existing handlers, whatever their key and address, deliver here
        and start without known problems; afterwards everything is as before. A handler with `enabled=False`
        stays silent. An `EventsClient` made before keeps its address.

        At the end all faults are removed, and what is still being sent gets a second or two.
        """
        with this_process.redirected(self.environment, EXAMPLE_ROUTING_KEY, self.url):
            try:
                yield
            finally:
                self._script.clear()
                self._limit.clear()
                if not this_process.settled(1.0):
                    self.stop()  # so that hanging requests end
                    self.start()
                    this_process.settled(1.0)

    def _circumstances(self, timeout: float) -> str:
        lines = [
            f"  {request.method} {request.path} answered {request.status or 'nothing'}"
            for request in self.requests[-10:]
        ]
        return "\n".join(
            [f"after {timeout:g} s; the last requests:", *(lines or ["  none"]), this_process.outcomes()]
        )

    def wait_for(self, count: int, timeout: float = 5.0) -> None:
        """Wait until `count` events were accepted since the start or the last `clear`.

        Raises:
            AssertionError: there are fewer after `timeout` seconds; the message says what arrived.
        """
        __tracebackhide__ = True
        if not self._store.wait_until(lambda: self._store.accepted >= count, timeout):
            raise AssertionError(
                f"expected {count} accepted events within {timeout:g} s, "
                f"got {self._store.accepted}\n{self._describe(timeout, {})}"
            )

    def wait_until(self, predicate: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until `predicate()` is true; it is called again after each request and each answer.

        Raises:
            AssertionError: it is still false after `timeout` seconds; the message says what arrived.
        """
        __tracebackhide__ = True
        if not self._store.wait_until(predicate, timeout):
            raise AssertionError(
                f"the condition did not come true within {timeout:g} s\n{self._describe(timeout, {})}"
            )

    def _describe(self, timeout: float, expected: Mapping[str, object]) -> str:
        return f"{expectations.comparison(self.alerts, expected)}\n{self._circumstances(timeout)}"

    def follow(self) -> Iterator[AcceptedEvent]:
        """Return an iterator over the events accepted from now on, which waits for each until `stop`."""
        return self._store.follow()

    def fail_next(
        self,
        fault: int | Fault,
        times: int = 1,
        *,
        retry_after: str | int | float | None = None,
        body: str | bytes | None = None,
        content_type: str = "application/json",
    ) -> None:
        """Make the next `times` requests fail, after those that were asked for before.

        `fault` is a status, with the other arguments as in `Answer`, or any fault.

        Raises:
            TypeError, ValueError: an argument is wrong, or the fault has no such argument.
        """
        self._script.add(_fault(fault, retry_after, body, content_type), times)

    def fail_share(
        self,
        fault: int | Fault,
        share: float,
        *,
        retry_after: str | int | float | None = None,
        body: str | bytes | None = None,
        content_type: str = "application/json",
    ) -> None:
        """Make a share of all requests fail, from 0 (none) to 1; replaces the previous share.

        `fault` is a status, with the other arguments as in `Answer`, or any fault.

        Raises:
            TypeError, ValueError: an argument is wrong, or the fault has no such argument.
        """
        self._script.set_share(_fault(fault, retry_after, body, content_type), share)

    def clear(self) -> None:
        """Delete all events, alerts and requests, reset the rate limit, and remove all faults."""
        self._store.clear()
        self._limit.clear()
        self._script.clear()


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _fault(
    fault: int | Fault,
    retry_after: str | int | float | None,
    body: str | bytes | None,
    content_type: str,
) -> Fault:
    if isinstance(fault, int):
        return Answer(fault, retry_after, body, content_type)
    if retry_after is not None or body is not None:
        raise TypeError("retry_after and body go with a status; give the fault its own")
    return fault
