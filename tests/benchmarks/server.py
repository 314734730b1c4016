"""The other side of the benchmarks: answers every POST, or none, and tells what arrived and when.

    python -m tests.benchmarks.server answering|hung

Prints its two ports, one for HTTP and one that swallows whatever is written to it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arrivals: list[float] = []


class Answers(BaseHTTPRequestHandler):
    """POST: taken; GET: when each of them arrived, by the machine's monotonic clock."""

    protocol_version = "HTTP/1.1"
    hung = False

    def do_POST(self) -> None:
        arrivals.append(time.monotonic())
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.hung:
            time.sleep(3_600)
        self._answer(202, {"status": "success", "message": "Event processed", "dedup_key": "key"})

    def do_GET(self) -> None:
        self._answer(200, arrivals)

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: object) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        return  # a client that has been killed


def swallow(listener: socket.socket) -> None:
    def read(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=read, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    Answers.hung = sys.argv[1] == "hung"
    server = Server(("127.0.0.1", 0), Answers)
    sink = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=swallow, args=(sink,), daemon=True).start()
    print(server.server_port, sink.getsockname()[1], flush=True)
    server.serve_forever()
