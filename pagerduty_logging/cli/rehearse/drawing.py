"""Draws a rehearsal: as a page that needs no other files, or as an SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from html import escape
from importlib.resources import files
from typing import Any, Final

from pagerduty_logging.cli.rehearse import lanes, report
from pagerduty_logging.cli.rehearse.result import Problem, Result

SHOWN: Final = 30
"""Lanes that are open; the others are folded below them."""
MAX_VALUE_CHARS: Final = 20_000
WORDS: Final = {
    "first": "first: opens an alert",
    "worse": "worse than before",
    "again": "again, after the repeat interval",
    "size": "how many there were",
    "lost": "in place of one that was dropped",
    "no_room": "how many were dropped",
    "resolve": "resolves the alert",
    "acknowledge": "acknowledges the alert",
}
_SHAPES: Final = {"first": "●", "worse": "▲", "again": "◆", "size": "■"}


def html(result: Result, zone: tzinfo) -> str:
    """Return the page."""
    span = lanes.scale(result)
    dark = _nights(lanes.nights(result, span, zone))
    ranked = result.ranked()
    shown, folded = ranked[:SHOWN], ranked[SHOWN:]
    open_lanes = "".join(_lane(problem, span, dark, zone) for problem in shown)
    more = ""
    if folded:
        events, records = sum(len(p.events) for p in folded), sum(p.records for p in folded)
        inner = "".join(_lane(problem, span, dark, zone) for problem in folded)
        more = (
            f'<details class="more"><summary>{len(folded):,} more problems: {events:,} events, '
            f"{records:,} records</summary>{inner}</details>"
        )
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": f"{result.alerts:,} alerts, {result.events:,} events",
        "READ": _paragraphs(report.reading(result, zone)),
        "TOTALS": _listed(report.totals(result, zone))
        if result.problems
        else "<p>Nothing would have been paged.</p>",
        "CHANGES": f"<h2>What to change</h2>{_listed(result.suggestions)}" if result.suggestions else "",
        "LEGEND": "".join(
            f'<li><b class="{why}">{_SHAPES[why]}</b> {escape(WORDS[why])}</li>'
            for why in ("first", "worse", "again", "size")
        ),
        "LIMIT": _limit(result, span, dark),
        "AXIS": _axis(lanes.labels(span, zone)),
        "LANES": open_lanes + more,
    }
    for name, part in parts.items():
        template = template.replace(f"<!--{name}-->", part, 1)
    return template


def _lane(problem: Problem, span: lanes.Scale, dark: str, zone: tzinfo) -> str:
    ticks = lanes.ticks(problem, span)
    most = max((count for _, count in ticks), default=1)
    bars = "".join(_bar(at, count, most) for at, count in ticks)
    marks = "".join(_mark(mark, zone) for mark in lanes.marks(problem, span))
    sure = '<abbr title="distinguished by masking values">≈</abbr> ' if problem.uncertain else ""
    counts = f"{len(problem.events):,} events, {problem.records:,} records"
    return (
        f'<details class="lane"><summary><span class="what"><i class="{escape(problem.severity)}"></i>'
        f"{sure}{escape(problem.summary)}</span><small>{escape(problem.logger)} · {counts}</small>"
        f'<span class="strip"><svg viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">'
        f"{dark}{bars}</svg>"
        f"{marks}</span></summary>{_page(problem, zone)}</details>"
    )


def _bar(at: float, count: int, most: int) -> str:
    high = 5 + 17 * math.log1p(count) / math.log1p(most)
    return f'<rect class="tick" x="{at * 1000 - 1:.1f}" y="{24 - high:.1f}" width="2" height="{high:.1f}"/>'


def _mark(mark: lanes.Mark, zone: tzinfo) -> str:
    several = f" x {mark.count:,}" if mark.count > 1 else ""
    title = f"{report.day_and_time(mark.time, zone)} {WORDS.get(mark.why, mark.why)}{several}"
    return (
        f'<b class="{escape(mark.why)}" style="left:{mark.at:.2%}" title="{escape(title)}">'
        f"{_SHAPES.get(mark.why, '○')}</b>"
    )


def _page(problem: Problem, zone: tzinfo) -> str:
    page = problem.page
    rows = [
        ("dedup key", problem.key),
        (
            "records",
            f"{problem.records:,} from {report.day_and_time(problem.first, zone)} "
            f"to {report.day_and_time(problem.last, zone)}",
        ),
        (
            "held back",
            f"{max(problem.held, 0):,}" + (f", {problem.ignored:,} ignored" if problem.ignored else ""),
        ),
    ]
    shown = [(name, page.get(name)) for name in ("severity", "source", "component", "class")] if page else []
    rows += [(name, str(value)) for name, value in shown if value]
    events = [
        f"{report.day_and_time(e.at, zone)} {WORDS.get(e.why, e.why)}"
        + (f", {e.held:,} held back before" if e.held else "")
        + (f"; a second alert: {e.second}" if e.second else "")
        for e in problem.events[:50]
    ]
    if len(problem.events) > 50:
        events.append(f"… {len(problem.events) - 50:,} more")
    details = page.get("custom_details", {}) if page else {}
    body = "".join(f"<tr><th>{escape(name)}</th><td>{_value(value)}</td></tr>" for name, value in rows)
    body += f"<tr><th>events</th><td>{_value(events or ['none'])}</td></tr>"
    body += "".join(
        f"<tr><th>{escape(str(name))}</th><td>{_value(value)}</td></tr>" for name, value in details.items()
    )
    headline = escape(str(page["summary"])) if page else escape(problem.summary)
    return f'<div class="page"><h3>{headline}</h3><table>{body}</table></div>'


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "<pre>" + escape("\n".join(map(str, value))[:MAX_VALUE_CHARS]) + "</pre>"
    if isinstance(value, dict):
        return "<pre>" + escape("\n".join(f"{k}: {v}" for k, v in value.items())[:MAX_VALUE_CHARS]) + "</pre>"
    return escape(str(value)[:MAX_VALUE_CHARS])


def _limit(result: Result, span: lanes.Scale, dark: str) -> str:
    minutes = list(lanes.by_minute(result, span))
    top = 1.15 * max(report.PAGERDUTY_LIMIT, *(count for _, count in minutes), 1)
    bars = "".join(
        f'<rect class="minute" x="{at * 1000 - 1.5:.1f}" y="{60 - max(60 * count / top, 2):.1f}" width="3" '
        f'height="{max(60 * count / top, 2):.1f}"/>'
        for at, count in minutes
    )
    line = 60 - 60 * report.PAGERDUTY_LIMIT / top
    return (
        f'<svg viewBox="0 0 1000 60" preserveAspectRatio="none" role="img" aria-label="Events a minute">'
        f"{dark}{bars}"
        f'<line class="limit" x1="0" x2="1000" y1="{line:.1f}" y2="{line:.1f}"/></svg>'
        f'<span class="limit-label" style="top:{line / 60:.1%}">{report.PAGERDUTY_LIMIT} a minute</span>'
    )


def _nights(spans: Iterable[tuple[float, float]], height: int = 60) -> str:
    return "".join(
        f'<rect class="night" x="{left * 1000:.1f}" y="0" width="{(right - left) * 1000:.1f}" '
        f'height="{height}"/>'
        for left, right in spans
    )


def _axis(labels: Iterable[tuple[float, str]]) -> str:
    return "".join(f'<span style="left:{at:.2%}">{escape(words)}</span>' for at, words in labels)


def _paragraphs(blocks: Iterable[report.Block]) -> str:
    shown = ""
    for block in blocks:
        match block:
            case report.Text(words, _):
                shown += f"<p>{escape(words)}</p>"
            case report.Points(sentences):
                shown += _listed(sentences)
    return shown


def _listed(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_with_code(sentence.strip())}</li>" for sentence in sentences) + "</ul>"


def _with_code(sentence: str) -> str:
    """Return a sentence in HTML, with the parts between backticks as code."""
    parts = [escape(part) for part in sentence.split("`")]
    if len(parts) % 2 == 0:
        return escape(sentence)
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


# --- the picture alone ----------------------------------------------------------------------------------

_LEFT, _WIDTH, _LANE, _TOP = 330, 1_200, 26, 96
_STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#222}.small{font-size:10px;fill:#555}.night{fill:#dde3f0}"
    ".tick,.minute{fill:#8a8f98}.limit{stroke:#c2185b;stroke-dasharray:4 3}.first{fill:#c62828}"
    ".worse{fill:#ad1457}"
    ".again{fill:#b26a00}.size,.lost,.no_room,.resolve,.acknowledge{fill:#1565c0}.bg{fill:#fff}.rule{stroke:#e4e6ea}"
)


def svg(result: Result, zone: tzinfo) -> str:
    """Return the picture: lanes sorted by harm; those for which there is no room share one lane."""
    span = lanes.scale(result)
    ranked = result.ranked()
    shown, rest = ranked[:SHOWN], ranked[SHOWN:]
    room = _WIDTH - _LEFT - 20
    count = len(shown) + bool(rest)
    height = _TOP + _LANE * max(count, 1) + 30
    totals = f"{result.alerts:,} alerts, {result.events:,} events, {result.records:,} records"
    asleep = f"night {result.night}, {result.zone}: {result.night_alerts:,} alerts"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">',
        f"<style>{_STYLE}</style>",
        f'<rect class="bg" width="{_WIDTH}" height="{height}"/>',
        f'<text x="10" y="22">{escape(totals)}</text>',
        f'<text class="small" x="10" y="40">{escape(asleep)}</text>',
    ]
    for left, right in lanes.nights(result, span, zone):
        parts.append(
            f'<rect class="night" x="{_LEFT + left * room:.1f}" y="20" width="{(right - left) * room:.1f}" '
            f'height="{height - 45}"/>'
        )
    minutes = list(lanes.by_minute(result, span))
    top = 1.15 * max(report.PAGERDUTY_LIMIT, *(number for _, number in minutes), 1)
    for at, number in minutes:
        high = max(66 * number / top, 1.5)
        parts.append(
            f'<rect class="minute" x="{_LEFT + at * room - 1:.1f}" y="{86 - high:.1f}" width="2" '
            f'height="{high:.1f}"/>'
        )
    line = 86 - 66 * report.PAGERDUTY_LIMIT / top
    parts.append(f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{line:.1f}" y2="{line:.1f}"/>')
    parts.append(
        f'<text class="small" x="{_LEFT + 4}" y="{line - 3:.1f}">{report.PAGERDUTY_LIMIT} a minute</text>'
    )
    for number, problem in enumerate(shown):
        parts.append(_svg_lane(problem, span, _TOP + number * _LANE, room, zone))
    if rest:
        y = _TOP + len(shown) * _LANE
        words = f"{len(rest):,} more problems: {sum(len(p.events) for p in rest):,} events"
        parts.append(f'<text x="10" y="{y + 17}">{escape(words)}</text>')
        for problem in rest:
            parts += [_svg_tick(at, y, 8, room) for at, _ in lanes.ticks(problem, span)]
    for at, words in lanes.labels(span, zone):
        parts.append(
            f'<text class="small" text-anchor="middle" x="{_LEFT + at * room:.1f}" y="{height - 10}">'
            f"{escape(words)}</text>"
        )
    return "".join([*parts, "</svg>\n"])


def _svg_lane(problem: Problem, span: lanes.Scale, y: int, room: int, zone: tzinfo) -> str:
    ticks = lanes.ticks(problem, span)
    most = max((count for _, count in ticks), default=1)
    label = ("≈ " if problem.uncertain else "") + problem.summary
    label = label if len(label) <= 48 else label[:47] + "…"
    parts = [
        f'<line class="rule" x1="0" x2="{_WIDTH}" y1="{y}" y2="{y}"/>',
        f'<text x="10" y="{y + 17}">{escape(label)}<title>{escape(problem.summary)}</title></text>',
    ]
    parts += [_svg_tick(at, y, 4 + 16 * math.log1p(count) / math.log1p(most), room) for at, count in ticks]
    for mark in lanes.marks(problem, span):
        x = _LEFT + mark.at * room
        times = f" x {mark.count}" if mark.count > 1 else ""
        title = f"{report.day_and_time(mark.time, zone)} {mark.why}{times}"
        parts.append(
            f'<text class="{escape(mark.why)}" text-anchor="middle" x="{x:.1f}" y="{y + 15}">'
            f"{_SHAPES.get(mark.why, '○')}<title>{escape(title)}</title></text>"
        )
    return "".join(parts)


def _svg_tick(at: float, y: int, high: float, room: int) -> str:
    x, top = _LEFT + at * room - 1, y + _LANE - 3 - high
    return f'<rect class="tick" x="{x:.1f}" y="{top:.1f}" width="2" height="{high:.1f}"/>'
