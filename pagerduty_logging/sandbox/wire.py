"""The HTTP server: keep-alive, the record of requests, and faults that a WSGI application cannot cause."""

import contextlib
import io
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.sandbox import app as routes
from pagerduty_logging.sandbox import live
from pagerduty_logging.sandbox.faults import (
    Answer,
    Delay,
    Drip,
    Endless,
    Fault,
    Garbage,
    Hang,
    Redirect,
    Reset,
    Script,
)
from pagerduty_logging.sandbox.store import Store

MAX_BODY_BYTES = 1_000_000  # bytes kept of a request's body; well above PagerDuty's limit
_CHUNK = 65_536
IDLE_SECONDS = 75.0  # seconds for a client to send or read the next bytes; then its connection is closed
_SEND_TIMEOUT = 30.0  # seconds for a page to read an update
_OWN = ("/openapi.json", "/api/", "/alerts/", "/changes/", "/live", "/static/")  # the sandbox's own paths
_GRACE = 0.3  # seconds to wait for threads to end


class WireServer(ThreadedWSGIServer):
    """werkzeug's threaded server, which can also end its open connections."""

    def __init__(
        self,
        host: str,
        listener: socket.socket,
        app: Flask,
        store: Store,
        script: Script,
        tls: ssl.SSLContext | None,
    ) -> None:
        # werkzeug ends the process (SystemExit) if the port is taken; it gets a socket that is bound
        # already.
        super().__init__(host, 0, app, WireHandler, fd=listener.fileno())
        self.ssl_context = tls  # set late: werkzeug would do the TLS handshake on the thread that accepts
        self.store = store
        self.script = script
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._serving: list[threading.Thread] = []

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; the TLS handshake follows on the connection's own thread."""
        connection, address = super().get_request()
        if self.ssl_context:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on its own thread, and remember both."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._lock:
            self._connections.add(request)
            self._serving = [thread for thread in self._serving if thread.is_alive()]
            self._serving.append(thread)
            thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.forget(request)
        super().shutdown_request(request)

    def forget(self, connection: socket.socket) -> None:
        """Stop tracking a connection that is about to be closed."""
        with self._lock:
            self._connections.discard(connection)

    def stop(self) -> None:
        """Accept no more requests, finish the answers that are being sent, and end all connections."""
        self.stopping.set()
        # On Linux this wakes the thread that accepts; elsewhere it wakes up by itself soon.
        _end(self.socket, socket.SHUT_RDWR)
        self.shutdown()
        # A client whose event was accepted must still get its answer.
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            with self._lock:
                for connection in self._connections:
                    _end(connection, how)
            deadline = monotonic() + _GRACE
            for thread in self._serving:
                thread.join(max(0.0, deadline - monotonic()))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class WireHandler(WSGIRequestHandler):
    """Serves one connection, with keep-alive, which werkzeug does not have."""

    server: WireServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        """Do the TLS handshake, if the server uses TLS."""
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(self.timeout)
            self.request.do_handshake()
        super().setup()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Write no access log."""

    def version_string(self) -> str:
        """The Server header."""
        return "pagerduty-logging-sandbox"

    def run_wsgi(self) -> None:
        """Read one request, record it, and answer it, or act as a fault says."""
        environ = self.make_environ()
        body = self._read_body(environ)
        if body is None:
            self.close_connection = True
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.input_terminated"] = True
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)

        def respond() -> Response:
            return Response.from_app(self.server.app, environ)

        path = environ["PATH_INFO"]
        if _is_control(self.command, path):
            with respond() as response:
                if response.mimetype == live.MIMETYPE:
                    self._send_stream(response)
                else:
                    self._send(response)
            return
        answered = self.server.store.arrived(self.command, path, tuple(self.headers.items()), body)
        fault = self.server.script.next() if path.startswith("/v2/") else None
        self._misbehave(fault, respond, answered)

    def _read_body(self, environ: dict[str, Any]) -> bytes | None:
        """Return the body, at most `MAX_BODY_BYTES` of it; None if it is incomplete or not valid."""
        chunked = environ.get("wsgi.input_terminated", False)
        try:
            left = 0 if chunked else int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "Bad Content-Length")
            return None
        kept = bytearray()
        while chunked or left > 0:
            try:
                chunk = environ["wsgi.input"].read(_CHUNK if chunked else min(left, _CHUNK))
            except OSError:
                self.send_error(HTTPStatus.BAD_REQUEST, "Bad chunk")
                return None
            if not chunk:
                if chunked:
                    break
                return None
            left -= len(chunk)
            kept += chunk[: max(0, MAX_BODY_BYTES - len(kept))]
        return bytes(kept)

    def _misbehave(
        self,
        fault: Fault | None,
        respond: Callable[[], Response],
        answered: Callable[[int], None],
    ) -> None:
        match fault:
            case None:
                self._send(respond(), answered)
            case Answer():
                self._send(_scripted(fault), answered)
            case Redirect():
                headers = {"Location": fault.location}
                self._send(Response(status=fault.status, headers=headers), answered)
            case Delay():
                if self.server.stopping.wait(fault.seconds):
                    self.close_connection = True
                else:
                    self._misbehave(fault.then, respond, answered)
            case Hang():
                self.server.stopping.wait()
                self.close_connection = True
            case Reset():
                if fault.after_accepting:
                    respond()
                self._reset()
            case Garbage():
                self.close_connection = True
                self.wfile.write(fault.data)
            case Drip():
                self.close_connection = True
                self.wfile = _Drip(self.connection, fault.seconds, self.server.stopping)
                self._send(respond(), answered)
            case Endless():
                self._send_endless(respond(), answered)

    def _send(self, response: Response, answered: Callable[[int], None] | None = None) -> None:
        data = response.get_data()
        if answered:
            answered(response.status_code)
        self._send_head(response)
        if self.close_connection:
            self.send_header("Connection", "close")
        bodiless = response.status_code in (204, 304)
        if not bodiless:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not bodiless and self.command != "HEAD":
            self.wfile.write(data)

    def _send_head(self, response: Response) -> None:
        self.send_response(response.status_code, response.status.partition(" ")[2])
        for name, value in response.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)

    def _send_stream(self, response: Response) -> None:
        self.close_connection = True
        self._send_head(response)
        self.send_header("Connection", "close")
        self.end_headers()
        self.connection.settimeout(_SEND_TIMEOUT)
        with contextlib.suppress(OSError):
            for chunk in response.iter_encoded():
                self.wfile.write(chunk)

    def _send_endless(self, response: Response, answered: Callable[[int], None]) -> None:
        self.close_connection = True
        answered(response.status_code)
        self._send_head(response)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.stopping.is_set():
                self.wfile.write(b" " * _CHUNK)

    def _reset(self) -> None:
        self.close_connection = True
        # Lingering for 0 seconds makes the kernel send RST. The reader is closed first: it has the last
        # other reference to the socket, which must be closed before it is shut down.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.forget(self.connection)
        self.rfile.close()
        self.connection.close()


class _Drip(io.BufferedIOBase):
    """Writes one byte at a time, until the sandbox stops."""

    def __init__(self, connection: socket.socket, seconds: float, stopping: threading.Event) -> None:
        self._connection = connection
        self._seconds = seconds
        self._stopping = stopping

    def write(self, data: Any) -> int:
        with memoryview(data) as view:
            for index in range(len(view)):
                if self._stopping.wait(self._seconds):
                    break
                self._connection.sendall(view[index : index + 1])
            return len(view)


def _is_control(method: str, path: str) -> bool:
    return path.startswith(_OWN) or (path == "/" and method in ("GET", "HEAD"))


def _scripted(answer: Answer) -> Response:
    body = json.dumps(_explanation(answer.status)) if answer.body is None else answer.body
    response = Response(body, status=answer.status, content_type=answer.content_type)
    if answer.retry_after is not None:
        response.headers["Retry-After"] = str(answer.retry_after)
    return response


def _explanation(status: int) -> dict[str, Any]:
    if status == HTTPStatus.BAD_REQUEST:
        return routes.invalid(["refused on command"])
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return routes.THROTTLED
    reason = Response(status=status).status.partition(" ")[2]
    return {"status": reason.lower(), "message": reason.capitalize()}


def _end(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        # With SSLSocket's own method another thread's answer could be sent unencrypted.
        socket.socket.shutdown(connection, how)
