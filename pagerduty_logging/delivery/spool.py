"""Accepted events on disk until PagerDuty has them: the only disk access, and no handle that stays open.

One small file an event, written under another name and renamed, so that it is there as a whole or not
at all. A file's name tells who looks after it: its owner, one delivery in one process. An owner keeps a
lease, a file whose time stamp says until when it is valid; where nobody lives any more, whoever comes first
renames the files to its own name and sends them. Two may do so at once: the dedup key makes one alert.

Nothing here raises on account of the machine: what cannot be written stays in memory, and that is said.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import re
import socket
import stat
import time
import weakref
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.events_api.routing_key import RoutingKey

FORMAT = 1
"""Version of the files; those of a later one are left alone."""
LEASE = 30.0
"""Seconds a lease is valid, at least, after the last sign of life."""
LONGEST_LEASE = 3_600.0
"""Seconds: a lease that seems valid for longer was written by another clock."""
MAX_FILES = 10_000
MAX_BYTES = 100_000_000
"""What a directory may hold, whatever became of its writers; beyond it the least severe go."""
MAX_FILE_BYTES = 1_000_000
"""No file of ours is as big: an event has at most half of it."""
MAX_SET_ASIDE = 100
"""Files kept for somebody to look at: broken ones, and events PagerDuty refused."""
LEFTOVER = 300.0
"""Seconds after which a half-written file is nobody's."""

_EVENT = re.compile(r"\d{20}-(?P<rank>[0-3])-[0-9a-f]{8}-(?P<owner>[0-9a-f]{16})\.event")
_LEASE = re.compile(r"(?P<owner>[0-9a-f]{16})\.lease")
_PART = re.compile(r"\.[0-9a-f-]+\.part")
_SET_ASIDE = re.compile(r".*\.event\.(broken|refused)")

_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An event as it is kept on disk.

    Attributes:
        accepted: when, in seconds since the epoch.
        bare: whether it is in its barest form already.
    """

    encoded: EncodedEvent
    severity: Severity
    known: bool
    accepted: float
    label: str
    bare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event of a spool, as somebody finds it who looks in.

    Attributes:
        name: of its file.
        state: "held" by a living process; "waiting" for one; "refused" by PagerDuty, or "broken".
        kept: what is in it; None if that cannot be read.
    """

    name: str
    state: str
    kept: Kept | None


class Spool:
    """A directory of events for one routing key, shared with other processes.

    Args:
        directory: made if it is not there, for its owner only.
        routing_key: events for another one are left alone; only a digest of it is written. None: to look
            at all that is there, and for nothing else.
        diagnostics: where it is said what the machine refuses.

    Attributes:
        shared: whether the last look found events that other living processes look after.
    """

    def __init__(
        self, directory: str | os.PathLike[str], routing_key: RoutingKey | None, diagnostics: Diagnostics
    ) -> None:
        self._directory = Path(directory).absolute()
        self._addressee = None if routing_key is None else _digest(routing_key)
        self._diagnostics = diagnostics
        self.shared = False
        self.begin()
        _spools.add(self)

    def begin(self) -> None:
        """Be an owner of one's own: in a new process, what the parent keeps is the parent's."""
        self.owner = os.urandom(8).hex()
        self._numbers = itertools.count()
        self._leased_until = 0.0
        self._trusted = False
        self._masked: bool | None = None

    def write(self, kept: Kept) -> str | None:
        """Keep an event; return its ticket, or None if the machine does not let us."""
        ticket = (
            f"{int(kept.accepted * 1e9):020d}-{kept.severity.rank}-"
            f"{next(self._numbers) & 0xFFFFFFFF:08x}-{self.owner}.event"
        )
        try:
            self._check_directory()
            self.live(0.0)
            self._put(ticket, _dumped(kept, self._addressee))
        except OSError as error:
            self._complain("an event could not be written", error)
            return None
        return ticket

    def remove(self, ticket: str) -> None:
        """Forget an event: PagerDuty has it, or it was given up."""
        try:
            os.unlink(self._directory / ticket)
        except FileNotFoundError:
            pass  # another process took it over, and sends it too
        except OSError as error:
            self._complain("an event could not be removed", error)

    def set_aside(self, ticket: str) -> None:
        """Keep an event that PagerDuty refuses for somebody to look at, and never send it again."""
        self._set_aside(ticket, "refused")

    def live(self, seconds: float) -> None:
        """Let the others know that this owner lives, and will be silent for at most so many seconds.

        Raises:
            OSError: the machine does not let us.
        """
        until = time.time() + LEASE + min(seconds, LONGEST_LEASE / 2)
        if until < self._leased_until + LEASE / 6:
            return
        name = f"{self.owner}.lease"
        try:
            os.utime(self._directory / name, (until, until))
        except FileNotFoundError:
            self._put(name, json.dumps({"version": FORMAT, **_who()}).encode(), until)
        self._leased_until = until

    def sign_off(self) -> None:
        """Take the lease back: nothing is left that this owner looks after."""
        with suppress(OSError):  # it was never written, or it runs out by itself
            os.unlink(self._directory / f"{self.owner}.lease")
        self._leased_until = 0.0

    def adopt(self, room: int) -> Iterator[tuple[str, Kept]]:
        """Take over what nobody looks after, oldest first, at most `room` events; clean up."""
        try:
            names = sorted(os.listdir(self._directory))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._complain("it could not be read", error)
            return
        living: dict[str, bool] = {self.owner: True}
        orphans = []
        self.shared = False
        for name in names:
            match = _EVENT.fullmatch(name)
            if match is None:
                self._clean(name, living)
            elif not self._lives(match["owner"], living):
                orphans.append((name, match["owner"]))
            elif match["owner"] != self.owner:
                self.shared = True
        doomed = self._too_many(names)
        for name in doomed:
            self.remove(name)
        if doomed:
            self._diagnostics.say(
                "full", f"the spool is full: {len(doomed):,} events are lost, the least severe", always=True
            )
        for name, owner in orphans:
            if room <= 0:
                return
            kept = self._read(name)
            if kept is None:
                continue
            ticket = name.replace(owner, self.owner)
            try:
                self.live(0.0)
                os.rename(self._directory / name, self._directory / ticket)
            except OSError:
                continue  # somebody else was faster
            room -= 1
            yield ticket, kept

    def entries(self) -> list[Entry]:
        """Return what is there, oldest first; nothing is taken over.

        Raises:
            OSError: the directory cannot be read.
        """
        living: dict[str, bool] = {}
        entries = (self._entry(name, living) for name in sorted(os.listdir(self._directory)))
        return [entry for entry in entries if entry is not None]

    def _entry(self, name: str, living: dict[str, bool]) -> Entry | None:
        event, aside = _EVENT.fullmatch(name), _SET_ASIDE.fullmatch(name)
        if event is not None:
            state = "held" if self._lives(event["owner"], living) else "waiting"
        elif aside is not None:
            state = aside[1]
        else:
            return None
        try:
            kept = _loaded(self._content(name), None)
        except (OSError, _LeftAlone, ValueError, TypeError, KeyError, RecursionError):
            kept = None
        return Entry(name=name, state=state, kept=kept)

    # --- one file ---------------------------------------------------------------------------------

    def _put(self, name: str, content: bytes, stamp: float | None = None) -> None:
        part = f"{self._directory}/.{name.partition('.')[0]}-{next(self._numbers):x}.part"
        try:
            handle = self._create(part)
        except FileNotFoundError:
            self._make_directory()
            handle = self._create(part)
        try:
            try:
                if self._masked is None:
                    self._masked = os.fstat(handle).st_mode & 0o777 != 0o600
                if self._masked:  # a strange umask takes even the owner's rights
                    os.fchmod(handle, 0o600)
                while content:
                    content = content[os.write(handle, content) :]
            finally:
                os.close(handle)
            if stamp is not None:
                os.utime(part, (stamp, stamp))
            os.rename(part, f"{self._directory}/{name}")
        except OSError:
            with suppress(OSError):
                os.unlink(part)
            raise

    def _create(self, path: str) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def _make_directory(self) -> None:
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self._directory.mkdir(0o700)
            self._directory.chmod(0o700)

    def _check_directory(self) -> None:
        """See that nobody else can read or plant events in a directory that was there before us."""
        if self._trusted:
            return
        try:
            found = self._directory.stat()
        except FileNotFoundError:
            self._make_directory()
            found = self._directory.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "the directory belongs to another user")
        open_to_others = found.st_mode & 0o077 and found.st_uid == os.geteuid()
        # Not where there is anything else: somebody may want others to read that.
        if open_to_others and all(map(_is_ours, os.listdir(self._directory))):
            self._directory.chmod(0o700)
        self._trusted = True

    def _content(self, name: str) -> bytes:
        """Return what a file holds, if it is one that this user wrote and nothing in disguise.

        Raises:
            OSError: it cannot be read.
            ValueError: it is something else.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with os.fdopen(os.open(self._directory / name, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise ValueError("not a file of ours")
            if found.st_uid != os.geteuid():
                raise _LeftAlone("another user wrote them")
            return file.read(MAX_FILE_BYTES)

    def _read(self, name: str) -> Kept | None:
        """Return the event in a file; None if it is not for us, or is no good and was put aside."""
        try:
            return _loaded(self._content(name), self._addressee)
        except FileNotFoundError:
            pass  # somebody else was faster
        except _LeftAlone as reason:
            self._diagnostics.say("left", f"events in the spool {self._directory} are left there: {reason}")
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            self._set_aside(name, "broken")
        return None

    def _set_aside(self, name: str, why: str) -> None:
        self._diagnostics.say(f"spool {why}", f"an event in the spool was {why}, see {name}.{why}")
        try:
            os.rename(self._directory / name, self._directory / f"{name}.{why}")
            aside = sorted(n for n in os.listdir(self._directory) if _SET_ASIDE.fullmatch(n))
            for old in aside[:-MAX_SET_ASIDE]:
                os.unlink(self._directory / old)
        except OSError as error:
            self._complain("an event could not be put aside", error)

    # --- who lives --------------------------------------------------------------------------------

    def _lives(self, owner: str, living: dict[str, bool]) -> bool:
        if owner not in living:
            living[owner] = self._holds_lease(owner)
        return living[owner]

    def _holds_lease(self, owner: str) -> bool:
        name = f"{owner}.lease"
        try:
            until = os.lstat(self._directory / name).st_mtime
            if not 0 < until - time.time() < LONGEST_LEASE:
                return False
            return not _is_gone(json.loads(self._content(name)), owner)
        except OSError:
            return False
        except (_LeftAlone, ValueError, TypeError, KeyError):
            return True  # it will run out

    def _clean(self, name: str, living: dict[str, bool]) -> None:
        lease = _LEASE.fullmatch(name)
        if lease is not None:
            dead = not self._lives(lease["owner"], living)
        elif _PART.fullmatch(name) is not None:
            try:
                dead = time.time() - os.lstat(self._directory / name).st_mtime > LEFTOVER
            except OSError:
                return
        else:
            return
        if dead:
            self.remove(name)

    def _too_many(self, names: list[str]) -> list[str]:
        """Return the events that are too many: the least severe, then the youngest."""
        events = [name for name in names if _EVENT.fullmatch(name)]
        sizes = self._sizes(events)
        count, size = len(events), sum(sizes.values())
        doomed = []
        for name in sorted(events, key=lambda name: (name.split("-")[1], name), reverse=True):
            if count <= MAX_FILES and size <= MAX_BYTES:
                break
            doomed.append(name)
            count, size = count - 1, size - sizes[name]
        return doomed

    def _sizes(self, names: list[str]) -> dict[str, int]:
        sizes = {}
        for name in names:
            try:
                sizes[name] = os.lstat(self._directory / name).st_size
            except OSError:
                sizes[name] = 0
        return sizes

    def _complain(self, what: str, error: OSError) -> None:
        self._diagnostics.say(
            "spool", f"the spool {self._directory}: {what}: {error.strerror}; events are kept in memory only"
        )


class _LeftAlone(Exception):
    """A file is in order, and not for us."""


def _digest(routing_key: RoutingKey) -> str:
    return hashlib.sha256(b"pagerduty-logging:" + routing_key.reveal().encode()).hexdigest()[:16]


def _dumped(kept: Kept, addressee: str | None) -> bytes:
    event = kept.encoded.json.decode()
    entry = {
        "version": FORMAT,
        "for": addressee,
        "path": kept.encoded.path,
        "dedup_key": kept.encoded.dedup_key,
        "severity": str(kept.severity),
        "known": kept.known,
        "accepted": kept.accepted,
        "label": kept.label,
        "bare": kept.bare,
        "crc32": zlib.crc32(kept.encoded.json),
        "event": event,
    }
    return json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _loaded(content: bytes, addressee: str | None) -> Kept:
    entry: dict[str, Any] = json.loads(content)
    if entry["version"] != FORMAT:
        raise _LeftAlone("a later version wrote them")
    if addressee is not None and entry["for"] != addressee:
        raise _LeftAlone("they are for another routing key")
    event: bytes = entry["event"].encode()
    if zlib.crc32(event) != entry["crc32"] or not isinstance(json.loads(event), dict):
        raise ValueError("the event is not what was written")
    return Kept(
        encoded=EncodedEvent(str(entry["path"]), event, entry["dedup_key"]),
        severity=Severity(entry["severity"]),
        known=bool(entry["known"]),
        accepted=float(entry["accepted"]),
        label=str(entry["label"]),
        bare=bool(entry["bare"]),
    )


def _place() -> str:
    """Name the space in which a process id means something: this boot of this machine, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str | None:
    """Return when a living process began, as the kernel counts: process ids come again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _who() -> dict[str, Any]:
    return {"place": _place(), "pid": os.getpid(), "started": _started(os.getpid())}


def _is_gone(holder: dict[str, Any], owner: str) -> bool:
    """Tell whether a lease's holder is known to be dead; from another container nobody can know."""
    if holder["place"] != _place():
        return False
    pid = int(holder["pid"])
    if pid == os.getpid():
        return owner not in {spool.owner for spool in _spools}  # it was there before an `exec`
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return holder["started"] is not None and _started(pid) != holder["started"]


def _is_ours(name: str) -> bool:
    return any(kind.fullmatch(name) for kind in (_EVENT, _LEASE, _PART, _SET_ASIDE))
