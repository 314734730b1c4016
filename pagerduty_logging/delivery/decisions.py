"""Why something paged or did not: a list of decisions, in memory and in a file.

Any thread notes decisions, without I/O; the thread that sends writes them. A plain repeat is no decision:
repeats are summed in the next decision about their problem.
"""

from __future__ import annotations

import enum
import json
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.ledger_file import LedgerFile
from pagerduty_logging.events_api.clock import monotonic, time_of_day

RECENT = 200
"""Decisions that `handler.decisions` keeps."""
MAX_UNWRITTEN = 10_000
"""Decisions waiting to be written; beyond it the oldest are dropped."""
MAX_KEPT = 1_000
"""Decisions kept while the file cannot be written; beyond it the oldest are dropped."""
TRY_AGAIN = 10.0
"""Seconds after which a file that could not be written is tried again."""
ALIKE_SECONDS = 60.0
"""Seconds for which equal decisions about records of one call site are summed."""
MAX_ALIKE = 1_000
MAX_TEMPLATE_CHARS = 300


class Verdict(enum.StrEnum):
    """What became of a record or an event."""

    SENT = "sent"
    """PagerDuty has accepted the event."""
    IGNORED = "ignored"
    """A rule kept the record back."""
    HELD = "held"
    """It happened too seldom, or within the quiet window of a problem."""
    SILENCED = "silenced"
    TOLD_ELSEWHERE = "told elsewhere"
    """Another process sends the event."""
    DROPPED = "dropped"
    """Given up: no room, or too old."""
    REFUSED = "refused"
    """PagerDuty refused it for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision.

    Attributes:
        time: seconds since the epoch.
        verdict: what became of it.
        reason: why the event was sent, or what kept it back.
        key: the dedup key of the problem; empty: not known.
        event: the dedup key of the event; empty: there was none.
        logger: the logger of the record; empty: there was no record.
        template: its message before formatting, shortened; redacted.
        summary: what the event says, shortened; redacted; empty: there was none.
        repeats: occurrences held back since the last decision about the problem that this one reports.
        times: how many equal decisions it sums up.
    """

    time: float
    verdict: Verdict
    reason: str
    key: str = ""
    event: str = ""
    logger: str = ""
    template: str = ""
    summary: str = ""
    repeats: int = 0
    times: int = 1


class Decisions:
    """Keeps the last decisions, and writes them to a file if there is one.

    Args:
        redacted: takes secrets out of a text.
        path: the file; None: memory only.
        max_bytes: size at which the file is renamed to `PATH.1`, in place of the one before.
        diagnostics: gets a notice if the file cannot be written.
        clock: seconds, monotonic.
        time_of_day: seconds since the epoch; as an attribute too.
    """

    def __init__(
        self,
        redacted: Callable[[str], str],
        path: str | None = None,
        max_bytes: int = 10_000_000,
        diagnostics: Diagnostics | None = None,
        clock: Callable[[], float] = monotonic,
        time_of_day: Callable[[], float] = time_of_day,
    ) -> None:
        self._redacted = redacted
        self._file = None if path is None else LedgerFile(path, max_bytes)
        self._diagnostics = diagnostics or Diagnostics()
        self._clock = clock
        self.time_of_day = time_of_day
        self._try_again_at = -math.inf
        self.reset()
        if self._file is not None and self._file.trouble:
            self._complain(self._file.trouble)

    def reset(self) -> None:
        """Forget all decisions, in a forked child."""
        self._recent: deque[Decision] = deque(maxlen=RECENT)
        self._unwritten: deque[Decision] = deque(maxlen=MAX_UNWRITTEN)
        self._alike: dict[tuple[str, str, str, str, str], tuple[float, int, float]] = {}
        self._writing = threading.Lock()

    @property
    def recent(self) -> list[Decision]:
        """The last decisions, the oldest first."""
        return [self._shown(decision) for decision in self._recent.copy()]

    @property
    def latest(self) -> Decision | None:
        """The last decision, as it was noted; None: there was none."""
        return self._recent[-1] if self._recent else None

    @property
    def unwritten(self) -> bool:
        """Whether something is to be written now."""
        return bool(self._unwritten) and self._clock() >= self._try_again_at

    def note(
        self,
        verdict: Verdict,
        reason: str,
        *,
        key: str = "",
        event: str = "",
        logger: str = "",
        template: str = "",
        summary: str = "",
        repeats: int = 0,
        times: int = 1,
        time: float | None = None,
    ) -> None:
        """Note a decision, made now if no time is given. No I/O."""
        decision = Decision(
            time=self.time_of_day() if time is None else time,
            verdict=verdict,
            reason=reason,
            key=key,
            event=event,
            logger=logger,
            template=template,
            summary=summary[:MAX_TEMPLATE_CHARS],
            repeats=repeats,
            times=times,
        )
        self._recent.append(decision)
        if self._file is not None:
            self._unwritten.append(decision)

    def note_alike(
        self, verdict: Verdict, reason: str, *, key: str = "", logger: object, template: object
    ) -> None:
        """Note a decision that a flood may repeat for every record: equal ones are summed."""
        name, text = _text(logger), _text(template)
        alike = (verdict, reason, key, name, text[:MAX_TEMPLATE_CHARS])
        now = self._clock()
        since, times, _ = self._alike.get(alike, (-ALIKE_SECONDS, 0, 0.0))
        if now - since < ALIKE_SECONDS:
            self._alike[alike] = (since, times + 1, self.time_of_day())
            return
        if len(self._alike) >= MAX_ALIKE:
            self._alike.clear()
        self._alike[alike] = (now, 0, 0.0)
        self.note(verdict, reason, key=key, logger=name, template=text, times=times + 1)

    def end(self) -> None:
        """Write everything at the end of the process, sums too, each with the time of its last decision."""
        for (verdict, reason, key, logger, template), (_, times, last) in list(self._alike.items()):
            if times:
                self.note(
                    Verdict(verdict),
                    reason,
                    key=key,
                    logger=logger,
                    template=template,
                    times=times,
                    time=last,
                )
        self._alike.clear()
        self._try_again_at = -math.inf
        self.write()

    def write(self) -> None:
        """Write what is not written yet. If another thread is writing, leave it to that one.

        What cannot be written now is kept for a later call.
        """
        if not self.unwritten or self._file is None or not self._writing.acquire(blocking=False):
            return
        try:
            taken = [self._unwritten.popleft() for _ in range(len(self._unwritten))]
            lines = [_line(self._shown(decision)).encode() for decision in taken]
            written, trouble = 0, "the disk is full"
            try:
                written = self._file.append(b"".join(lines))
            except OSError as error:
                trouble = error.strerror or type(error).__name__
            if written < sum(map(len, lines)):
                self._keep(taken, lines, written)
                self._try_again_at = self._clock() + TRY_AGAIN
                self._complain(trouble)
        finally:
            self._writing.release()

    def _keep(self, taken: list[Decision], lines: list[bytes], written: int) -> None:
        for line in lines:
            if written < len(line):
                break
            written -= len(line)
            taken.pop(0)
        room = max(MAX_KEPT - len(self._unwritten), 0)
        self._unwritten.extendleft(reversed(taken[len(taken) - min(room, len(taken)) :]))

    def _complain(self, words: str) -> None:
        self._diagnostics.say("ledger", f"the ledger is not written, pages are still sent: {words}")

    def _shown(self, decision: Decision) -> Decision:
        template = decision.template[:MAX_TEMPLATE_CHARS]
        shown = self._redacted(template) if template else ""
        return decision if shown == decision.template else replace(decision, template=shown)


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _line(decision: Decision) -> str:
    found: dict[str, object] = {"time": decision.time, "verdict": decision.verdict, "reason": decision.reason}
    for name in ("key", "event", "logger", "template", "summary", "repeats"):
        value = getattr(decision, name)
        if value:
            found[name] = value
    if decision.times > 1:
        found["times"] = decision.times
    return json.dumps(found, ensure_ascii=False) + "\n"
