"""The files of a spool: the only disk access. Only regular files of this user are trusted.

The directory is opened for each operation, without following a link, and everything in it is reached from
that descriptor. No descriptor stays open: a program that becomes a daemon closes all that it does not know,
and the next file that it opens gets the same number.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

MAX_FILE_BYTES = 1_000_000
"""Larger than any file of ours: an event has at most half of it."""

_SUPPORTED = os.name == "posix" and {os.open, os.stat, os.rename, os.unlink, os.utime} <= os.supports_dir_fd


class Foreign(Exception):
    """The file is another user's."""


class Directory:
    """A directory on disk, made when the first file is written.

    Args:
        path: of the directory. A link in its place is followed if it is this user's or root's.
        warn: called with a sentence if others may write to the directory, or if it was replaced.
    """

    def __init__(self, path: str | os.PathLike[str], warn: Callable[[str], object]) -> None:
        self.path = Path(path).absolute()
        self._warn = warn
        self._trusted: tuple[int, int] | None = None
        self._masked: bool | None = None

    def names(self) -> list[str]:
        """Return the names of all files, sorted.

        Raises:
            OSError: the directory is not there, cannot be read or cannot be trusted.
        """
        with self._opened() as directory:
            return sorted(os.listdir(directory))

    def write(self, name: str, content: bytes, stamp: float | None = None) -> None:
        """Write a file as a whole or not at all, for this user only.

        Args:
            stamp: the file's time, in seconds since the epoch; default: now.

        Raises:
            OSError: that is not possible.
        """
        try:
            with self._opened() as directory:
                self._write(directory, name, content, stamp)
        except FileNotFoundError:
            self._make()
            with self._opened() as directory:
                self._write(directory, name, content, stamp)

    def read(self, name: str) -> bytes:
        """Return what a file holds, at most `MAX_FILE_BYTES` of it.

        Raises:
            Foreign: another user owns it.
            ValueError: it is a link, a device or anything else that we never make.
            OSError: it cannot be read.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with self._opened() as directory:
            _check(
                os.lstat(name, dir_fd=directory)
            )  # before it is opened: opening a device may have an effect
            with os.fdopen(os.open(name, flags, dir_fd=directory), "rb") as file:
                _check(os.fstat(file.fileno()))
                return file.read(MAX_FILE_BYTES)

    def own(self, names: list[str]) -> dict[str, os.stat_result]:
        """Return the files that are ours, each with its `stat`.

        Raises:
            OSError: the directory is not there, cannot be read or cannot be trusted.
        """
        found = {}
        with self._opened() as directory:
            for name in names:
                with suppress(OSError, Foreign, ValueError):
                    known = os.lstat(name, dir_fd=directory)
                    _check(known)
                    found[name] = known
        return found

    def rename(self, old: str, new: str) -> None:
        """Rename a file.

        Raises:
            OSError: it is gone, or that is not allowed.
        """
        with self._opened() as directory:
            os.rename(old, new, src_dir_fd=directory, dst_dir_fd=directory)

    def remove(self, name: str) -> None:
        """Delete a file.

        Raises:
            OSError: it is gone, or that is not allowed.
        """
        with self._opened() as directory:
            os.unlink(name, dir_fd=directory)

    def stamp(self, name: str, when: float) -> None:
        """Set the time of a file.

        Raises:
            OSError: it is gone, or that is not allowed.
        """
        with self._opened() as directory:
            os.utime(name, (when, when), dir_fd=directory, follow_symlinks=False)

    def _write(self, directory: int, name: str, content: bytes, stamp: float | None) -> None:
        # Not guessable: if others may write here too, they could take the name first.
        part = f".{name.partition('.')[0]}-{os.urandom(4).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(part, flags, 0o600, dir_fd=directory)
        try:
            try:
                if self._masked is None:
                    self._masked = os.fstat(handle).st_mode & 0o777 != 0o600
                if self._masked:  # the umask may remove even the owner's rights
                    os.fchmod(handle, 0o600)
                while content:
                    content = content[os.write(handle, content) :]
                if stamp is not None:
                    os.utime(handle, (stamp, stamp))
            finally:
                os.close(handle)
            os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            with suppress(OSError):
                os.unlink(part, dir_fd=directory)
            raise

    def _make(self) -> None:
        """Make the directory, which only this user can read, and those above it."""
        if not _SUPPORTED:
            raise OSError(errno.ENOSYS, "this system has no spool")
        missing = takewhile(lambda above: not above.exists(), self.path.parents)
        for above in reversed(list(missing)):
            with suppress(FileExistsError):
                above.mkdir(0o755)
        with suppress(FileExistsError):
            self.path.mkdir(0o700)
            if (
                stat.S_IMODE(self.path.lstat().st_mode) != 0o700
            ):  # the umask may remove even the owner's rights
                self.path.chmod(0o700)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the directory for one operation, if it can be trusted."""
        if not _SUPPORTED:
            raise OSError(errno.ENOSYS, "this system has no spool")
        directory = _open(self.path)
        try:
            found = os.fstat(directory)
            if (found.st_dev, found.st_ino) != self._trusted:
                self._trust(found)
            yield directory
        finally:
            os.close(directory)

    def _trust(self, found: os.stat_result) -> None:
        """Decide about a directory that was not seen before.

        Raises:
            OSError: it belongs to another user.
        """
        if found.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "the directory belongs to another user")
        if found.st_mode & 0o022:
            self._warn("other users may write to it, and delete the events of this one: chmod 700 ends that")
        if self._trusted is not None:
            self._warn("another directory has taken its place")
        self._trusted = (found.st_dev, found.st_ino)


def _open(path: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK) or not path.is_symlink():
            raise
    if path.lstat().st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EPERM, "the link in its place belongs to another user")
    return os.open(path.resolve(), flags)


def _check(found: os.stat_result) -> None:
    """Raise unless this is a regular file of this user's, known by one name only."""
    if found.st_uid != os.geteuid():
        raise Foreign("another user wrote them")
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise ValueError("not a file of ours")
