"""Suggests changes: only those that save something in a rehearsal, with the figure from it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pagerduty_logging.cli.rehearse.report import _duration
from pagerduty_logging.cli.rehearse.result import Problem, Result

Rerun = Callable[[Mapping[str, Any]], Result]

OFTEN: Final = (3, 300)
LONGER: Final = 3_600
LEAST_SHARE: Final = 0.2
"""Share of the events or alerts that a change must save to be suggested."""
LEAST: Final = 3
"""Events or alerts that it must save."""
MANY_ALIKE: Final = 4
"""Number of similar problems from which they are taken for one."""
MAX_TOLD: Final = 3

_WORDS: Final = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Alike:
    """Problems of one logger whose messages have nearly all words in common."""

    logger: str
    keys: frozenset[str]
    summary: str


def suggestions(result: Result, rerun: Rerun, options: Mapping[str, Any]) -> list[str]:
    """Return suggestions as sentences, the greatest saving first.

    Args:
        result: the result without changes.
        rerun: rehearses the same records with more options.
        options: those of the handler.
    """
    found: list[tuple[int, str]] = []
    if not result.events:
        return []
    found += _seldom(result, rerun, options)
    found += _reminders(result, rerun, options)
    found += _noise(result, rerun, options)
    found += _one_template(result, rerun, options)
    return [sentence for _, sentence in sorted(found, key=lambda pair: -pair[0])]


def _is_worth(saved: int, of: int) -> bool:
    return saved >= LEAST and saved >= LEAST_SHARE * of


def _seldom(result: Result, rerun: Rerun, options: Mapping[str, Any]) -> list[tuple[int, str]]:
    single = sum(p.records < OFTEN[0] for p in result.problems if p.events)
    if options.get("min_occurrences") is not None or not single:
        return []
    after = rerun({"min_occurrences": OFTEN})
    saved = result.events - after.events
    if not _is_worth(saved, result.events):
        return []
    new = {p.key: p for p in after.problems}
    silent = sum(bool(p.events) and not new[p.key].events for p in result.problems if p.key in new)
    later = [new[p.key].events[0].at - p.events[0].at for p in result.problems
             if p.events and p.key in new and new[p.key].events]  # fmt: skip
    by_logger: Counter[str] = Counter()
    for p in result.problems:
        by_logger[p.logger] += len(p.events) - (len(new[p.key].events) if p.key in new else 0)
    logger, most = by_logger.most_common(1)[0]
    whose = f", {most:,} of them of `{logger}`" if most < saved else f", all of `{logger}`"
    delay = (
        f"; what still pages does so {_duration(max(later))} later at most"
        if later and max(later) >= 1
        else ""
    )
    return [
        (
            saved,
            f"`min_occurrences={OFTEN}` saves {saved:,} of {result.events:,} events{whose}; "
            f"{silent:,} problems would not page at all{delay}.",
        )
    ]


def _reminders(result: Result, rerun: Rerun, options: Mapping[str, Any]) -> list[tuple[int, str]]:
    again = sum(event.why == "again" for p in result.problems for event in p.events)
    if float(options.get("repeat_interval", 300.0)) >= LONGER or again < LEAST:
        return []
    after = rerun({"repeat_interval": LONGER})
    saved = result.events - after.events
    if not _is_worth(saved, result.events):
        return []
    rest = (
        "reminders of problems that are open already" if after.alerts == result.alerts else "fewer alerts too"
    )
    change = f"`repeat_interval={LONGER}` saves {saved:,} of {result.events:,} events: {rest}."
    return [(saved, change)]


def _noise(result: Result, rerun: Rerun, options: Mapping[str, Any]) -> list[tuple[int, str]]:
    alerts: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for p in result.problems:
        alerts[p.logger] += bool(p.events)
        events[p.logger] += len(p.events)
    found: list[tuple[int, str]] = []
    for logger, number in events.most_common(MAX_TOLD):
        noisy = logger.startswith("django.security.")
        if not logger or len(events) < 2 or logger == "root":
            continue
        if not noisy and not (alerts[logger] >= LEAST and alerts[logger] >= 0.4 * result.alerts and number):
            continue
        after = rerun({"ignore_loggers": [*options.get("ignore_loggers", ()), logger]})
        saved = result.alerts - after.alerts
        if saved <= 0:
            continue
        what = "Ignore" if noisy else "If nobody must get up for it, ignore"
        found.append(
            (
                result.events - after.events,
                f"{what} `{logger}`: {saved:,} of {result.alerts:,} alerts, "
                f"{result.events - after.events:,} of {result.events:,} events "
                f"(`ignore_loggers=[{logger!r}]`).",
            )
        )
    return found


def _one_template(result: Result, rerun: Rerun, options: Mapping[str, Any]) -> list[tuple[int, str]]:
    groups = alike(result.problems)[:MAX_TOLD]
    if not groups or options.get("fingerprint") is not None:
        return []
    found = []
    for group in groups:
        after = rerun({"fingerprint": _merging(group)})
        saved = result.alerts - after.alerts
        shown = group.summary.replace("`", "'")
        if saved > 0:
            found.append(
                (
                    result.events - after.events,
                    f"These {len(group.keys):,} alerts of `{group.logger}` look like one problem: give "
                    f"them a template, such "
                    f'as `logger.error("… %s", value)`; that saves {saved:,} of {result.alerts:,} alerts and '
                    f"{result.events - after.events:,} of {result.events:,} events. One says: {shown}",
                )
            )
    return found


def _merging(group: Alike) -> Callable[[Any], str]:
    from pagerduty_logging import fingerprint

    first = min(group.keys)

    def merged(record: Any) -> str:
        key = fingerprint(record)
        return first if key in group.keys else key

    return merged


def alike(problems: list[Problem]) -> list[Alike]:
    """Return groups of problems that look like one whose template could not be recognised, the largest first.

    Messages are alike if they have the same number of words, and differ in one or two of them.
    """
    by_shape: dict[tuple[str, int, str], list[tuple[list[str], Problem]]] = defaultdict(list)
    for p in problems:
        if p.uncertain and p.events:
            words = p.summary.split()
            if len(words) >= 3:
                by_shape[p.logger, len(words), words[0]].append((words, p))
    groups = []
    for (logger, length, _), members in by_shape.items():
        if len(members) < MANY_ALIKE:
            continue
        differing = 1 if length < 6 else 2
        places = list(zip(*(words for words, _ in members), strict=True))
        common = [Counter(place).most_common(1)[0] for place in places]
        usual = [word for word, _ in common]
        near = [
            p for words, p in members if sum(a != b for a, b in zip(words, usual, strict=True)) <= differing
        ]
        same = sum(count >= len(members) * 0.8 and _WORDS.search(word) is not None for word, count in common)
        if len(near) >= MANY_ALIKE and same >= 2:
            groups.append(Alike(logger, frozenset(p.key for p in near), near[0].summary))
    return sorted(groups, key=lambda group: -len(group.keys))
