"""Who owns events in a spool: a lease names its process, and says until when it is valid."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pagerduty_logging.delivery.spool_format import FORMAT

LEASE = 30.0
"""Seconds a lease is valid, at least, after its holder last renewed it."""
LONGEST_LEASE = 3_600.0
"""Seconds: a lease that seems valid for longer was written by another clock."""
MAX_PID = 2**31 - 1
"""The largest number that a process id of POSIX systems can be."""


def written() -> bytes:
    """Return the content of this process's lease."""
    me = os.getpid()
    holder = {"version": FORMAT, "place": _place(), "pid": me, "started": _started(me)}
    return json.dumps(holder).encode()


def holds(content: bytes, owner: str, owners_here: Collection[str]) -> bool:
    """Return whether the holder of a lease that has not run out may live.

    Another container cannot be asked, so its lease has to run out; so has one of which no sense
    can be made.

    Args:
        content: any bytes.
        owner: in whose name it was written.
        owners_here: the owners that live in this process.
    """
    try:
        holder: Any = json.loads(content)
        place, pid, started = holder["place"], holder["pid"], holder["started"]
    except Exception:  # any shape is possible
        return True
    if place != _place() or type(pid) is not int or not 0 < pid <= MAX_PID:
        return True
    if not isinstance(started, str | None):
        return True
    if pid == os.getpid():
        return owner in owners_here  # else it was written before an `exec`
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return started is None or _started(pid) == started


def _place() -> str:
    """Return the scope in which a process id means something: this boot of this machine, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str | None:
    """Return when a living process started, as the kernel counts: process ids are reused."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
