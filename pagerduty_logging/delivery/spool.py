"""Accepted events on disk until PagerDuty has them.

Each event is a small file, written under another name and renamed, so that it is there as a whole or not at
all. The file's name says who owns it: one delivery in one process. An owner keeps a lease, a file whose time
stamp says until when it is valid. If the owner is dead, the first process that notices renames the files to
its own name and sends them. Two may do so at once: the dedup key makes one alert.

Nothing here raises because of the machine, or because of what is in the directory: events that cannot be
written stay in memory, files that cannot be read are renamed, and both are reported.
"""

from __future__ import annotations

import itertools
import os
import re
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pagerduty_logging.delivery import spool_lease
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.spool_directory import MAX_FILE_BYTES, Directory, Foreign
from pagerduty_logging.delivery.spool_format import (
    FORMAT,
    Broken,
    LeftAlone,
    SpooledEvent,
    digest,
    dumped,
    loaded,
)
from pagerduty_logging.delivery.spool_lease import LEASE, LONGEST_LEASE
from pagerduty_logging.events_api.clock import time_of_day
from pagerduty_logging.events_api.routing_key import RoutingKey

__all__ = ["FORMAT", "MAX_BYTES", "MAX_FILES", "Spool", "SpoolEntry", "SpooledEvent"]

MAX_FILES = 10_000
MAX_BYTES = 100_000_000
"""How many events of this user, and bytes, a directory may hold; beyond it the least severe are deleted."""
MAX_SET_ASIDE = 100
"""Files kept for a person to look at: broken ones, and events PagerDuty refused."""
LEFTOVER = 300.0
"""Seconds after which a half-written file has no owner."""

_EVENT = re.compile(r"[0-9]{20}-(?P<rank>[0-3])-[0-9a-f]{8}-(?P<owner>[0-9a-f]{16})\.event")
_LEASE = re.compile(r"(?P<owner>[0-9a-f]{16})\.lease")
_PART = re.compile(r"\.[0-9a-f-]+\.part")
_SET_ASIDE = re.compile(r".*\.event\.(broken|refused)")

_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolEntry:
    """An event of a spool, as `pagerduty-logging spool` lists it.

    Attributes:
        name: of its file.
        state: "held" by a living process; "waiting" for one; "refused" by PagerDuty, or "broken".
        kept: what is in it; None if that cannot be read.
    """

    name: str
    state: str
    kept: SpooledEvent | None


class Spool:
    """A directory of events for one routing key, shared with other processes.

    Args:
        directory: made if it is not there, for its owner only; the mode of one that was there is not
            changed.
        routing_key: events for another one are ignored; only a digest of it is written. None: only to list
            everything that is there.
        diagnostics: gets the errors of the machine.

    Attributes:
        owner: names this owner in the names of files.
        shared: whether the last look found events of other living processes.
    """

    def __init__(
        self, directory: str | os.PathLike[str], routing_key: RoutingKey | None, diagnostics: Diagnostics
    ) -> None:
        self._diagnostics = diagnostics
        self._directory = Directory(directory, self._warn)
        self._addressee = None if routing_key is None else digest(routing_key)
        self.shared = False
        self.begin()
        _spools.add(self)

    def begin(self) -> None:
        """Become a new owner, in a forked process: the parent's files stay the parent's."""
        self.owner = os.urandom(8).hex()
        self._numbers = itertools.count()
        self._leased_until = 0.0

    def write(self, kept: SpooledEvent) -> str | None:
        """Keep an event; return its ticket, or None if it cannot be written."""
        ticket = (
            f"{int(kept.accepted * 1e9):020d}-{kept.severity.rank}-"
            f"{next(self._numbers) & 0xFFFFFFFF:08x}-{self.owner}.event"
        )
        try:
            self.live(0.0)
            self._directory.write(ticket, dumped(kept, self._addressee))
        except OSError as error:
            self._complain("an event could not be written", error)
            return None
        return ticket

    def remove(self, ticket: str) -> None:
        """Forget an event: PagerDuty has it, or it was given up."""
        try:
            self._directory.remove(ticket)
        except FileNotFoundError:
            pass  # another process took it over, and sends it too
        except OSError as error:
            self._complain("an event could not be removed", error)

    def set_aside(self, ticket: str) -> None:
        """Keep an event that PagerDuty refused, for people to look at; it is never sent again."""
        self._set_aside(ticket, "refused")

    def live(self, seconds: float) -> None:
        """Renew the lease: this owner is alive, and will renew it again within so many seconds.

        Raises:
            OSError: it cannot be written.
        """
        until = time_of_day() + LEASE + min(seconds, LONGEST_LEASE / 2)
        if until < self._leased_until + LEASE / 6:
            return
        name = f"{self.owner}.lease"
        try:
            self._directory.stamp(name, until)
        except FileNotFoundError:
            self._directory.write(name, spool_lease.written(), until)
        self._leased_until = until

    def sign_off(self) -> None:
        """Delete the lease: this owner has no files left."""
        with suppress(OSError):  # it was never written, or it runs out by itself
            self._directory.remove(f"{self.owner}.lease")
        self._leased_until = 0.0

    def adopt(self, room: int) -> Iterator[tuple[str, SpooledEvent]]:
        """Take over files without a living owner, oldest first, at most `room` events; clean up."""
        try:
            names = self._directory.names()
            self._make_room(names)
            orphans = self._orphans(names)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._complain("it could not be read", error)
            return
        for name, owner in orphans:
            if room <= 0:
                return
            kept = self._read(name)
            if kept is None:
                continue
            ticket = name.replace(owner, self.owner)
            try:
                self.live(0.0)
                self._directory.rename(name, ticket)
            except OSError:
                continue  # another process was faster
            room -= 1
            yield ticket, kept

    def entries(self) -> list[SpoolEntry]:
        """Return what is there, oldest first; nothing is taken over.

        Raises:
            OSError: the directory cannot be read.
        """
        living: dict[str, bool] = {}
        entries = (self._entry(name, living) for name in self._directory.names())
        return [entry for entry in entries if entry is not None]

    def _entry(self, name: str, living: dict[str, bool]) -> SpoolEntry | None:
        event, set_aside = _EVENT.fullmatch(name), _SET_ASIDE.fullmatch(name)
        if event is not None:
            state = "held" if self._lives(event["owner"], living) else "waiting"
        elif set_aside is not None:
            state = set_aside[1]
        else:
            return None
        try:
            kept = loaded(self._directory.read(name), None)
        except (OSError, ValueError, Foreign, LeftAlone, Broken):
            kept = None
        return SpoolEntry(name=name, state=state, kept=kept)

    def _orphans(self, names: list[str]) -> list[tuple[str, str]]:
        """Return the events without a living owner, with their last owner; delete what is left of others."""
        living: dict[str, bool] = {self.owner: True}
        orphans = []
        self.shared = False
        for name in names:
            event = _EVENT.fullmatch(name)
            if event is None:
                self._clean(name, living)
            elif not self._lives(event["owner"], living):
                orphans.append((name, event["owner"]))
            elif event["owner"] != self.owner:
                self.shared = True
        return orphans

    def _read(self, name: str) -> SpooledEvent | None:
        """Return the event in a file; None if it is not for us, or broken and renamed."""
        try:
            return loaded(self._directory.read(name), self._addressee)
        except FileNotFoundError:
            pass  # another process was faster, or it was deleted to make room
        except (LeftAlone, Foreign) as reason:
            self._diagnostics.say(
                "left", f"events in the spool {self._directory.path} are left there: {reason}"
            )
        except (OSError, ValueError, Broken):
            self._set_aside(name, "broken")
        return None

    def _set_aside(self, name: str, why: str) -> None:
        self._diagnostics.say(f"spool {why}", f"an event in the spool was {why}, see {name}.{why}")
        try:
            self._directory.rename(name, f"{name}.{why}")
            kept = [other for other in self._directory.names() if _SET_ASIDE.fullmatch(other)]
            for old in kept[:-MAX_SET_ASIDE]:
                self._directory.remove(old)
        except OSError as error:
            self._complain("an event could not be set aside", error)

    # --- who lives --------------------------------------------------------------------------------

    def _lives(self, owner: str, living: dict[str, bool]) -> bool:
        if owner not in living:
            living[owner] = self._holds_lease(owner)
        return living[owner]

    def _holds_lease(self, owner: str) -> bool:
        name = f"{owner}.lease"
        try:
            lease = self._directory.own([name]).get(name)
            if lease is None or not 0 < lease.st_mtime - time_of_day() < LONGEST_LEASE:
                return False
            owners_here = {spool.owner for spool in _spools}
            return spool_lease.holds(self._directory.read(name), owner, owners_here)
        except (OSError, ValueError, Foreign):
            return False

    def _clean(self, name: str, living: dict[str, bool]) -> None:
        """Delete the lease of a dead owner, or a file that was never finished."""
        lease = _LEASE.fullmatch(name)
        if lease is not None:
            dead = not self._lives(lease["owner"], living)
        elif _PART.fullmatch(name) is not None:
            part = self._directory.own([name]).get(name)
            dead = part is not None and abs(time_of_day() - part.st_mtime) > LEFTOVER
        else:
            return
        if dead:
            self.remove(name)

    # --- bounds -----------------------------------------------------------------------------------

    def _make_room(self, names: list[str]) -> None:
        """Delete the events that are too many: the least severe, then the youngest."""
        found = self._directory.own([name for name in names if _EVENT.fullmatch(name)])
        sizes = {name: min(known.st_size, MAX_FILE_BYTES) for name, known in found.items()}
        count, size = len(sizes), sum(sizes.values())
        too_many = []
        for name in sorted(sizes, key=lambda name: (name.split("-")[1], name), reverse=True):
            if count <= MAX_FILES and size <= MAX_BYTES:
                break
            too_many.append(name)
            count, size = count - 1, size - sizes[name]
        for name in too_many:
            self.remove(name)
        if too_many:
            self._diagnostics.say(
                "full", f"the spool is full: {len(too_many):,} events are lost, the least severe", always=True
            )

    def _warn(self, sentence: str) -> None:
        self._diagnostics.say("spool directory", f"the spool {self._directory.path}: {sentence}")

    def _complain(self, what: str, error: OSError) -> None:
        self._diagnostics.say(
            "spool",
            f"the spool {self._directory.path}: {what}: {error.strerror}; events are kept in memory only",
        )
