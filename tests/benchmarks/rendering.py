"""The figures as they are shown: the tables of README.md and the picture here, from `results.json`."""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.processes import LIMIT

RESULTS = Path(__file__).with_name("results.json")
PICTURE = Path(__file__).with_name("speed.svg")
PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
OURS = "pagerduty-logging"
COLUMNS = {
    "repeat": "a repeat",
    "threads": "8 threads",
    "traceback": "with 20 frames",
    "first": "first sighting",
    "first_traceback": "first, 20 frames",
}

MESSAGES = {
    "f_string": '`f"payment {i} failed"`',
    "f_string_traceback": "the same with `exc_info`",
    "f_string_root": "the same at the root logger",
    "long_f_string": "a long f-string with a UUID, addresses and seconds",
    "mapping": '`{"event": "payment failed", "order": i}`',
    "json": "the same as JSON",
    "the_error": "`log.error(error)`, the same error",
    "fresh_error": "`log.error(error)`, a fresh one",
    "error_argument": '`log.error("%s", error, exc_info=True)`',
    "overrides": '`extra={"pagerduty": {"component": "pay"}}`',
    "listener": "what a queue's listener does with a formatted record",
    "loguru": 'loguru\'s `log.error("payment {} failed", i)`, handed on to logging',
    "structlog": "structlog's, for its `ProcessorFormatter`",
}


def load() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}


def save(results: dict[str, Any]) -> None:
    results["python"] = f"CPython {platform.python_version()}"
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def table(results: dict[str, Any]) -> str:
    """Return the tables, in Markdown."""
    return "\n".join([*_against_null(results), "", *_of_messages(results), "", *_alone(results)])


def write_readme(results: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        PAGE.write_text(f"{before}{begin}\n{table(results)}\n{end}{after}", encoding="utf-8")


def write_picture(results: dict[str, Any]) -> None:
    """Draw a bar for each contender's repeat and first sighting, on a logarithmic scale."""
    names = [name for name in CONTENDERS if results.get("repeat", {}).get(name) and name != "NullHandler"]
    left, scale, row = 230, 150, 46
    height = 70 + row * len(names)
    ticks = (1, 10, 100, 1_000)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="780" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        '<text x="10" y="20" font-size="15">One logging call, as a multiple of a NullHandler\'s '
        "(logarithmic)</text>",
        '<rect x="470" y="30" width="12" height="12" fill="#06ac38"/><text x="487" y="41">a repeat</text>'
        '<rect x="560" y="30" width="12" height="12" fill="#9bd6ab"/>'
        '<text x="577" y="41">a first sighting</text>',
    ]
    for tick in ticks:
        x = left + scale * math.log10(tick)
        lines.append(f'<line x1="{x}" y1="48" x2="{x}" y2="{height - 20}" stroke="#ddd"/>')
        lines.append(f'<text x="{x}" y="{height - 6}" text-anchor="middle">{tick:,} x</text>')
    for number, name in enumerate(names):
        y = 54 + row * number
        weight = ' font-weight="bold"' if name == OURS else ""
        lines.append(f'<text x="{left - 10}" y="{y + 20}" text-anchor="end"{weight}>{name}</text>')
        for offset, column, colour in ((0, "repeat", "#06ac38"), (17, "first", "#9bd6ab")):
            value = results.get(column, {}).get(name)
            if value:
                width = max(scale * math.log10(max(value, 1.0)), 2)
                lines.append(
                    f'<rect x="{left}" y="{y + offset}" width="{width:.0f}" height="15" fill="{colour}"/>'
                )
                lines.append(
                    f'<text x="{left + width + 6:.0f}" y="{y + offset + 12}">{_number(value)}</text>'
                )
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text("\n".join([*lines, "</svg>"]) + "\n")


def _against_null(results: dict[str, Any]) -> list[str]:
    counted = results.get("instructions", {}).get("repeat", {})
    head = [*COLUMNS.values(), "a repeat, in instructions", "server hangs: p50, p99, slowest call"]
    rows = [f"| one `logger.error`, x NullHandler | {' | '.join(head)} |", "|---" + "|--:" * len(head) + "|"]
    for name in CONTENDERS:
        cells = [_number(results.get(column, {}).get(name)) for column in COLUMNS]
        cells.append(_number(counted[name] / counted["NullHandler"], 3) if name in counted else "")
        cells.append(_while_hung(results, name))
        shown = f"**{name}**" if name == OURS else name
        rows.append(f"| {shown} | {' | '.join(cells)} |")
    return rows


def _of_messages(results: dict[str, Any]) -> list[str]:
    rows = [
        "| a repeat logged as, x NullHandler doing the same | in instructions | wall time | 8 threads "
        "| log-rate-limit | QueueHandler | whole process's CPU, x the logging thread's |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    measured = results.get("messages", {})
    for name, shown in MESSAGES.items():
        counted = results.get("instructions", {}).get(name, {})
        cells = [_number(counted[OURS] / counted["NullHandler"], 2) if counted else ""]
        cells.append(_number(measured.get(name, {}).get(OURS)))
        cells.append(_number(results.get("messages_threads", {}).get(name)))
        cells += [_number(measured.get(name, {}).get(who)) for who in ("log-rate-limit", "QueueHandler")]
        cells.append(_number(results.get("messages_whole", {}).get(name)))
        rows.append(f"| {shown} | {' | '.join(cells)} |")
    return rows


def _while_hung(results: dict[str, Any], name: str) -> str:
    measured = results.get("hung", {})
    hung = measured.get(name)
    if hung:
        return f"{_number(hung['p50'])}, {_number(hung['p99'])}, {_number(hung['worst_ms'])} ms"
    tried = name in measured and results.get("repeat", {}).get(name)
    return f"blocks for more than {LIMIT:.0f} s" if tried else "-"


def _alone(results: dict[str, Any]) -> list[str]:
    def of(row: str, name: str = OURS) -> Any:
        return (results.get(row) or {}).get(name)

    found: list[tuple[str, str]] = []
    for threads, row in (("1 thread", "storm_1"), ("8 threads", "storm_8")):
        storm = of(row)
        if storm:
            shown = f"{storm['requests']:.0f} request, {_number(storm['cpu'])} x the NullHandler's CPU"
            found.append((f"100,000 repeats, {threads}", shown))
    if of("memory") is not None:
        found.append(("10,000 distinct problems, added to the peak of memory", f"{of('memory'):.1f} MB"))
    if of("hung"):
        found.append(("threads beside the program's, while the server hangs", f"{of('hung')['threads']:.0f}"))
    if of("outage") is not None:
        words = "CPU of the process while the server hangs, a second after 10,000 new problems of 8 threads"
        found.append((words, f"{of('outage'):.1f} % of a core"))
    if of("to_page"):
        session = of("to_page", "requests.Session in a thread")
        shown = (
            f"{of('to_page'):.2f} ms ({of('to_page') / session:.2f} x a bare `requests.Session` in a thread)"
        )
        found.append(("from the call to the request's arrival, the first page of a line", shown))
    if of("first_page"):
        found.append(("the same for the first page of a handler", f"{of('first_page'):.1f} ms"))
    if of("import"):
        shown = f"{of('import'):.1f} ms (sentry-sdk {_number(of('import', 'sentry-sdk'))} ms)"
        found.append(("`import pagerduty_logging`", shown))
    for words, row in (
        ("end of the process, all delivered", "exit"),
        ("the same, server hangs", "exit_hung"),
    ):
        if of(row) is not None:
            peer = of(row, "sentry-sdk")
            other = f" (sentry-sdk {peer:.2f} s)" if peer is not None else ""
            found.append((words, f"{of(row):.2f} s{other}"))
    return ["| | |", "|---|--:|", *(f"| {words} | {shown} |" for words, shown in found)]


def _number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.{digits}f}"
