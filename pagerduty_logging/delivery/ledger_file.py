"""The ledger's file: any number of processes append whole lines; one old file is kept."""

from __future__ import annotations

import os
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FLAGS = (
    # Non-blocking: a pipe without a reader must not block the thread that sends.
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)


class LedgerFile:
    """Appends to a file, and begins a new one when it is full. For one thread at a time.

    Args:
        path: the file; the one before is at `PATH.1`.
        max_bytes: size at which a new one is begun.
    """

    def __init__(self, path: str, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._torn = False

    @property
    def trouble(self) -> str:
        """Why it cannot be written; "": no reason is known."""
        directory = os.path.dirname(self._path) or "."
        if not os.path.isdir(directory):
            return "its directory does not exist"
        return "it is a directory" if os.path.isdir(self._path) else ""

    def append(self, lines: bytes) -> int:
        """Write lines; return how many bytes were written, fewer if the disk is full.

        Raises:
            OSError: nothing was written.
        """
        file = self._open()
        try:
            if self._is_full(file, len(lines)) and self._moved(file):
                os.close(file)
                file = self._open()
            begun = b"\n" if self._torn else b""  # after half a line, so that only that line is unreadable
            written = os.write(file, begun + lines) - len(begun)
        finally:
            os.close(file)
        self._torn = written < len(lines)
        return max(written, 0)

    def _open(self) -> int:
        return os.open(self._path, _FLAGS, 0o600)

    def _is_full(self, file: int, more: int) -> bool:
        size = os.fstat(file).st_size
        return size > 0 and size + more > self._max_bytes

    def _moved(self, file: int) -> bool:
        """Make the full file the old one, unless another process has done so or is doing so."""
        with suppress(OSError):  # then the file grows: writing matters more than rotating
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until it is closed
            if os.path.samestat(os.fstat(file), os.stat(self._path)):
                os.replace(self._path, f"{self._path}.1")
            return True
        return False
