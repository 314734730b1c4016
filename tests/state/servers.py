"""Servers of Redis and Valkey that a test starts for itself, and what may come between it and them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition; one that raises does not hold."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            if condition():
                return
        time.sleep(0.01)
    raise AssertionError("did not come true in time")


class Server:
    """A server on a free port of the loopback."""

    def __init__(self, folder: Path, *options: str, program: str = "redis-server", port: int = 0) -> None:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--dir", str(folder), *options]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder
        )
        try:
            until(self._answers)
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
            connection.sendall(b"PING\r\n")
            return bool(connection.recv(10))

    def client(self, **options: object):  # type: ignore[no-untyped-def]
        """Return a client for the test's own questions."""
        redis = pytest.importorskip("redis")
        return redis.Redis("127.0.0.1", self.port, protocol=2, socket_timeout=5.0, **options)

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def running(folder: Path, *options: str, program: str = "redis-server", port: int = 0) -> Iterator[Server]:
    server = Server(folder, *options, program=program, port=port)
    try:
        yield server
    finally:
        server.stop()


class Proxy:
    """Passes on what is said to a server; cuts the connection within an answer, or stops, when told to."""

    def __init__(self, port: int, own: int = 0) -> None:
        self.target = port
        self._listener = socket.create_server(("127.0.0.1", own or free_port()))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.cut_after: int | None = None
        self.stop_after: int | None = None
        self.answers_left: int | None = None
        self.a_byte_each: float | None = None
        self.asked = b""
        self._forgotten: set[socket.socket] = set()
        self._sources: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        self._sources.add(source)
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if source in self._forgotten:
                    continue
                if not answers:
                    self.asked += data
                if answers and self.cut_after is not None:
                    target.sendall(data[: self.cut_after])
                    self.cut_after = None
                    break
                if answers and self.stop_after is not None:
                    target.sendall(data[: self.stop_after])
                    self.stop_after = None
                    continue
                if answers and self.answers_left is not None:
                    self.answers_left -= 1
                    if self.answers_left < 0:
                        continue
                if answers and self.a_byte_each is not None:
                    for byte in data:
                        target.sendall(bytes([byte]))
                        time.sleep(self.a_byte_each)
                    continue
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()

    def forget(self) -> None:
        """Pass on nothing more on today's connections, and tell nobody."""
        self._forgotten |= self._sources

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
