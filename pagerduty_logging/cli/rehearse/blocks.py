"""The bytes of a log, in blocks of whole lines, compressed or not."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, NamedTuple

from pagerduty_logging.cli.parsing import Misuse
from pagerduty_logging.cli.rehearse.counts import Counts

BLOCK: Final = 1 << 20
MAX_LINE: Final = 1 << 20
"""Bytes that are read of one line; the rest is left out."""
STDIN: Final = "-"
SAMPLES: Final = 64
SAMPLE: Final = 4_096
"""How many parts of a file are sampled for what a single line does not show, and their size in bytes."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def opened(path: str) -> IO[bytes]:
    """Open a log; "-" is standard input.

    Raises:
        Misuse: it cannot be read.
    """
    if path == STDIN:
        return sys.stdin.buffer
    if os.path.isdir(path):
        raise Misuse(f"{path} is a directory: give its files, such as {os.path.join(path, '*.log')}")
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None


def size(path: str) -> int | None:
    """Return the size of a file in bytes; None: unknown."""
    try:
        return None if path == STDIN else os.stat(path).st_size
    except OSError:
        return None


def samples(path: str) -> Iterator[bytes]:
    """Yield samples from all over a file; none if it can be read only once, or is compressed."""
    whole = size(path) or 0
    if path == STDIN or not os.path.isfile(path):
        return
    with opened(path) as file:
        if file.read(4).startswith((_GZIP, _ZSTD)):
            return
        for number in range(SAMPLES):
            file.seek(whole * number // SAMPLES)
            yield file.read(SAMPLE)


class Block(NamedTuple):
    """Whole lines.

    Attributes:
        data: the lines, and perhaps the beginning of one more, with which the next block begins.
        end: where that one begins; it is not cut off, because copying a megabyte takes time.
    """

    data: bytes
    end: int

    @property
    def lines(self) -> bytes:
        """The whole lines only."""
        return self.data[: self.end]


def blocks(path: str, counts: Counts, on_block: Callable[[], object]) -> Iterator[Block]:
    """Yield the log in blocks of whole lines.

    Args:
        path: as for `opened`.
        counts: takes what was read.
        on_block: called after each block.
    """
    with opened(path) as file:
        carry = b""
        cutting = False  # inside a line whose beginning was yielded already
        try:
            for data, whole in _unpacked(path, _Counted(file, counts)):
                on_block()
                if whole and not (carry or cutting):
                    yield Block(data, whole)
                    continue
                data = data[: whole or len(data)]
                if cutting:
                    end = data.find(b"\n")
                    if end < 0:
                        continue
                    data = data[end + 1 :]
                    cutting = False
                data = carry + data
                end = data.rfind(b"\n") + 1
                carry = data[end:]
                if end:
                    yield Block(data, end)
                if len(carry) > MAX_LINE:
                    cutting = True
                    yield Block(carry[:MAX_LINE] + b"\n", MAX_LINE + 1)
                    carry = b""
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            counts.damaged.append(f"{path}: {error}")
        except OSError as error:
            counts.damaged.append(f"{path}: {error.strerror or error}")
        if carry:
            yield Block(carry + b"\n", len(carry) + 1)


class _Counted(io.RawIOBase):
    """A file that counts what is read of it."""

    def __init__(self, file: IO[bytes], counts: Counts) -> None:
        self._file = file
        self._counts = counts

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def go_back(self, number: int) -> None:
        """Read the last bytes again."""
        self._file.seek(-number, os.SEEK_CUR)
        self._counts.bytes_read -= number

    def read(self, size: int = -1, /) -> bytes:
        # From a pipe only what is available: the rest may come much later, or never.
        read: Callable[[int], bytes] = getattr(self._file, "read1", self._file.read)
        data = read(size)
        self._counts.bytes_read += len(data)
        return data


def _unpacked(path: str, file: _Counted) -> Iterator[tuple[bytes, int]]:
    """Yield what was read, with the end of its last line if the rest will be read again; else 0."""
    first = file.read(BLOCK)
    if first.startswith(_GZIP):
        yield from _read(gzip.GzipFile(fileobj=io.BufferedReader(_Again(first, file), BLOCK)))
    elif first.startswith(_ZSTD):
        zstd = _zstd(path)
        try:
            yield from _read(zstd.ZstdFile(io.BufferedReader(_Again(first, file), BLOCK)))
        except zstd.ZstdError as error:
            raise EOFError(str(error)) from None
    elif first:
        yield from _whole_lines(first, file)


def _whole_lines(data: bytes, file: _Counted) -> Iterator[tuple[bytes, int]]:
    """Seek back to the end of a line if the file can, because joining pieces takes time."""
    can_go_back = file.seekable()
    while data:
        end = data.rfind(b"\n") + 1
        if can_go_back and len(data) == BLOCK and 0 < end < BLOCK:
            file.go_back(BLOCK - end)
            yield data, end
        else:
            yield data, 0
        data = file.read(BLOCK)


def _read(file: IO[bytes] | _Counted | gzip.GzipFile) -> Iterator[tuple[bytes, int]]:
    # As much as is available at once: of a truncated file, everything except its end.
    while data := file.read1(BLOCK):  # type: ignore[union-attr]
        yield data, 0


class _Again(io.RawIOBase):
    """A file whose beginning was read already."""

    def __init__(self, first: bytes, rest: _Counted) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._first:
            data, self._first = self._first[: len(buffer)], self._first[len(buffer) :]
        else:
            data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _zstd(path: str) -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise Misuse(
            f"{path} is packed by zstd, which Python reads from 3.14 on: zstd -dc {path} | "
            f"pagerduty-logging rehearse -"
        ) from None
    return zstd
