"""Tries whether a state answers, can be written to and silences something, for the commands that check."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from pagerduty_logging.state.helper import Helper
from pagerduty_logging.state.options import StatePlace
from pagerduty_logging.state.protocol import Request, Sender, Silence, StateError, digest
from pagerduty_logging.state.store import Store
from pagerduty_logging.state.why import duration

PATIENCE = 2.0
"""Seconds to wait for an answer, with a person waiting too."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a state answered.

    Attributes:
        fault: what is wrong, without a secret; None: nothing.
        now: the store's clock.
        silences: those that have not ended.
    """

    fault: str | None
    now: float = 0.0
    silences: list[Silence] = field(default_factory=list)

    def said_by(self, place: StatePlace) -> str:
        """Return it as a line for people."""
        if self.fault is not None:
            return f"{place.where}: {self.fault}"
        silenced = "; ".join(_in_words(silence, silence.until - self.now) for silence in self.silences)
        return f"{place.where} answers" + (f"; silenced: {silenced}" if silenced else "")


def _in_words(silence: Silence, left: float) -> str:
    what = {"all": "everything", "key": silence.what, "logger": f"logger {silence.what}"}[silence.by]
    critical = "" if silence.critical else " that is not critical"
    return f"{what}{critical} for another {duration(left)} ({silence.who}: {silence.reason})"


def tried(place: StatePlace, routing_key: str, host: str) -> Trial:
    """Do one exchange that hands in nothing, and look for silences.

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
        return Trial(f"{type(error).__name__}: {error}")
    call = Helper().start(lambda: _asked(store, Request(sender=sender)))
    if not call.wait(PATIENCE):
        return Trial(f"no answer within {PATIENCE:g} s")
    try:
        return Trial(None, *call.result())
    except StateError as error:
        return Trial(str(error))
    finally:
        store.close()


def _asked(store: Store, request: Request) -> tuple[float, list[Silence]]:
    store.exchange(request, PATIENCE)
    return store.silences()
