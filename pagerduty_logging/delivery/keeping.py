"""How events are kept in a spool: each is a file there from its acceptance to its end.

Times are on the delivery's clock; files, which outlive it, have the time of day.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from pagerduty_logging.delivery.event import packed
from pagerduty_logging.delivery.schedule import Pending, nobody_waits
from pagerduty_logging.delivery.spool import Kept, Spool
from pagerduty_logging.events_api.decoding import decode


def save(pending: Pending, spool: Spool, now: float) -> None:
    """Write an event to disk, as the bytes that are sent, on the thread that submits it."""
    try:
        encoded = packed(pending)
    except Exception:
        return  # whoever sends it will meet the same failure, and send what can be said
    pending.size = len(encoded.json)
    age = now - pending.accepted_at
    pending.ticket = spool.write(
        Kept(
            encoded=encoded,
            severity=pending.severity,
            known=pending.known,
            accepted=time.time() - age,
            label=pending.label,
            bare=pending.bare,
        )
    )


def adopted(spool: Spool, room: int, now: float) -> Iterator[Pending]:
    """Take over what dead processes left, at most `room` events."""
    time_of_day = time.time()
    for ticket, kept in spool.adopt(room):
        yield Pending(
            dedup_key=kept.encoded.dedup_key or "",
            severity=kept.severity,
            known=kept.known,
            accepted_at=now - max(time_of_day - kept.accepted, 0.0),
            compose=partial(decode, kept.encoded),
            settle=nobody_waits,  # repeats were counted where it was logged, if at all
            label=kept.label,
            size=len(kept.encoded.json),
            encoded=kept.encoded,
            bare=kept.bare,
            ticket=ticket,
        )


def forget(pending: Pending, spool: Spool, refused: bool = False) -> None:
    """Have no file of an event that has come to its end; one that was refused is set aside."""
    if pending.ticket is None:
        return
    if refused:
        spool.set_aside(pending.ticket)
    else:
        spool.remove(pending.ticket)
