"""Tries whether a state answers and can be written to, for the commands that check the setup."""

from __future__ import annotations

import uuid

from pagerduty_logging.state.helper import Helper
from pagerduty_logging.state.options import StatePlace
from pagerduty_logging.state.protocol import Request, Sender, StateError, digest

PATIENCE = 2.0
"""Seconds to wait for an answer, with a person waiting too."""


def fault_of(place: StatePlace, routing_key: str, host: str) -> str | None:
    """Do one exchange that hands in nothing; return what is wrong, without a secret, or None.

    Args:
        place: where the state lives.
        routing_key: whose problems.
        host: this host's name.
    """
    name = f"check.{uuid.uuid4().hex[:12]}"
    sender = Sender(name=name, process=name, host=host, space=digest(routing_key), remember=60.0)
    try:
        store = place.make_store()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    call = Helper().start(lambda: store.exchange(Request(sender=sender), PATIENCE))
    if not call.wait(PATIENCE):
        return f"no answer within {PATIENCE:g} s"
    try:
        call.result()
    except StateError as error:
        return str(error)
    finally:
        store.close()
    return None
