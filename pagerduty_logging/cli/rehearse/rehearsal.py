"""Passes records to the handler one by one, and collects what would have been sent in a `Result`."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

from pagerduty_logging.cli.options import SEVERITIES
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.cli.rehearse.records import RecordMaker
from pagerduty_logging.cli.rehearse.result import Event, Problem, Result
from pagerduty_logging.cli.rehearse.route import Sent
from pagerduty_logging.cli.rehearse.simulation import NOT_REHEARSED, Judged, Simulation
from pagerduty_logging.fingerprinting import Identity
from pagerduty_logging.page.redaction import redactor

MAX_PROBLEMS: Final = 20_000
"""Problems that are listed in the result; more are only counted."""
MAX_PAGES: Final = 500
"""Problems whose page is kept."""
MINUTE: Final = 60.0
LATE: Final = 1.0
"""Seconds after which an event counts as delayed."""
MAX_SUMMARY_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Night:
    """When people sleep: from one hour to another, in a time zone."""

    begins: int
    ends: int
    zone: tzinfo

    def holds(self, at: float) -> bool:
        """Return whether a moment is in the night."""
        hour = datetime.fromtimestamp(at, self.zone).hour
        if self.begins <= self.ends:
            return self.begins <= hour < self.ends
        return hour >= self.begins or hour < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The settings of a rehearsal.

    Attributes:
        options: the handler's.
        filters, formatter: the handler's.
        reaches: returns whether a logger's records reach the handler.
        maker: makes records from what was read.
        night: when people sleep.
    """

    options: Mapping[str, Any]
    night: Night
    maker: RecordMaker
    filters: tuple[Any, ...] = ()
    formatter: Any = None
    reaches: Callable[[str], bool] = lambda logger: True


class _Busiest:
    """The most events within a minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.most = 0
        self.at: float | None = None

    def note(self, at: float) -> None:
        times = self._times
        times.append(at)
        while at - times[0] >= MINUTE:
            times.popleft()
        if len(times) > self.most:
            self.most, self.at = len(times), times[0]


@dataclass(slots=True)
class Rehearsal:
    """One run; `take` what was read, then `finish`.

    Attributes:
        result: what is known so far.
    """

    setting: Setting
    result: Result
    with_pages: bool = True
    unreached: int = 0
    _number: int = 0
    _problems: dict[tuple[int, str], Problem] = field(default_factory=dict)
    _simulation: Simulation = field(init=False)
    _wanted: defaultdict[int, _Busiest] = field(default_factory=lambda: defaultdict(_Busiest))
    _sent: defaultdict[int, _Busiest] = field(default_factory=lambda: defaultdict(_Busiest))
    _hide: Callable[[str], str] = field(init=False)

    def __post_init__(self) -> None:
        setting = self.setting
        self._simulation = Simulation(
            setting.options,
            setting.filters,
            setting.formatter,
            shows_page=self._shows_page,
            is_known=lambda rule, key: (rule, key) in self._problems,
        )
        self._hide = redactor(setting.options.get("redact", ()), lambda: "\0").text

    def _shows_page(self, rule: int, key: str) -> bool:
        problem = self._problems.get((rule, key))
        wanted = problem is None or not problem.page  # None: its first record is being rehearsed
        return self.with_pages and wanted and len(self._problems) <= MAX_PAGES

    def take(self, entry: Entry, known: Identity | None = None) -> Identity | None:
        """Rehearse one record.

        Args:
            entry: the record.
            known: its problem, found before with options that give the same keys.

        Returns:
            its problem, if that does not depend on other records.
        """
        record = self.setting.maker.record(entry)
        if not self.setting.reaches(record.name):
            self.unreached += 1
            return None
        judged, sent = self._simulation.take(record, known)
        self._count(judged, entry, record.name)
        for event in sent:
            self._note(event)
        return judged.identity

    def finish(self) -> Result:
        """Send what is pending, and return the result."""
        for event in self._simulation.finish():
            self._note(event)
        result = self.result
        result.problems = list(self._problems.values())
        result.dropped = self._simulation.dropped
        busiest = max(self._wanted.values(), key=lambda minute: minute.most, default=_Busiest())
        result.busiest, result.busiest_at = busiest.most, busiest.at
        result.busiest_sent = max((minute.most for minute in self._sent.values()), default=0)
        night = self.setting.night
        for problem in result.problems:
            at_night = [event for event in problem.events if night.holds(event.at)]
            result.night_events += len(at_night)
            result.night_alerts += sum(night.holds(event.at) for event in problem.alerts)
        return result

    def _count(self, judged: Judged, entry: Entry, logger: str) -> None:
        problem = self._problem(judged, entry, logger)
        if problem is None:
            return
        problem.note(entry.time or 0.0)
        problem.ignored += judged.ignored
        if SEVERITIES.index(judged.severity) < SEVERITIES.index(problem.severity):
            problem.severity = judged.severity

    def _problem(self, judged: Judged, entry: Entry, logger: str) -> Problem | None:
        rule, key = judged.rule, judged.key
        problem = self._problems.get((rule, key))
        if problem is None:
            if len(self._problems) >= MAX_PROBLEMS:
                self.result.more_problems += 1
                return None
            at = entry.time or 0.0
            line = entry.message.strip().partition("\n")[0][: 2 * MAX_SUMMARY_CHARS]
            problem = self._problems[rule, key] = Problem(
                key, self._hide(line)[:MAX_SUMMARY_CHARS], logger, judged.severity, judged.uncertain, at, at
            )
            problem.rule = rule
        return problem

    def _note(self, sent: Sent) -> None:
        problem = self._problems.get((sent.rule, sent.key))
        if (
            problem is None
        ):  # the summary of dropped events, which has no record, or a problem beyond those listed
            problem = self._problems[sent.rule, sent.key] = Problem(
                sent.key, "events that were left out", "", sent.severity, False, sent.wanted, sent.wanted
            )
            problem.rule = sent.rule
        second = "" if sent.event == sent.key else sent.event
        problem.events.append(
            Event(sent.at, sent.wanted, sent.why, sent.severity, self._number, sent.repeats, second)
        )
        if sent.page is not None and not problem.page:
            problem.page = sent.page
            problem.summary = str(sent.page["summary"])[:MAX_SUMMARY_CHARS]
        self._wanted[sent.rule].note(sent.wanted)
        self._sent[sent.rule].note(sent.at)
        self._number += 1
        wait = sent.at - sent.wanted
        if wait > LATE:
            self.result.waited += 1
            self.result.longest_wait = max(self.result.longest_wait, wait)


def rehearse(
    entries: Iterable[tuple[Entry, Identity | None]], setting: Setting, *, with_pages: bool = True
) -> Result:
    """Rehearse all records, and return what would have been sent.

    Args:
        entries: each with its problem, if it is known: see `Rehearsal.take`.
        setting: the settings.
        with_pages: whether the pages are kept.
    """
    run = Rehearsal(setting, empty_result(setting), with_pages)
    for entry, known in entries:
        run.take(entry, known)
    return run.finish()


def empty_result(setting: Setting) -> Result:
    """Return a result of nothing so far."""
    night = setting.night
    result = Result(read={}, options={}, zone=str(night.zone), night=f"{night.begins}-{night.ends}")
    for name, value in setting.options.items():
        if name in NOT_REHEARSED:
            result.not_rehearsed.append(name)
        elif name == "routing":
            result.options[name] = repr([_without_keys(rule) for rule in value])
        else:
            result.options[name] = repr(value)
    return result


def _without_keys(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if not name.startswith("routing_key")}
