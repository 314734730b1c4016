"""What the tests of rehearsals share: logs are written to a file, and read."""

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.cli.rehearse.reader import LogReader
from pagerduty_logging.cli.rehearse.records import RecordMaker
from pagerduty_logging.cli.rehearse.rehearsal import Night, Setting, rehearse
from pagerduty_logging.cli.rehearse.result import Result

Read = Callable[..., tuple[list[Entry], Counts]]


def read_log(
    path: Path, log: str | bytes, *, level: int = 40, zone: tzinfo = UTC, **options: Any
) -> tuple[list[Entry], Counts]:
    path.write_bytes(log if isinstance(log, bytes) else log.encode())
    counts = Counts()
    reader = LogReader(str(path), counts, level=level, zone=zone, **options)
    return list(reader.entries()), counts


def setting(zone: tzinfo = UTC, maker: RecordMaker | None = None, **options: Any) -> Setting:
    return Setting(options=options, night=Night(22, 7, zone), maker=maker or RecordMaker())


def entry(
    time: float, message: str = "order failed", level: int = 40, logger: str = "shop", **more: Any
) -> Entry:
    return Entry(time=time, level=level, message=message, logger=logger, **more)


def unidentified(entries: Iterable[Entry]) -> list[tuple[Entry, None]]:
    """Return entries of which it is not known what problems they are about."""
    return [(each, None) for each in entries]


def rehearsed(entries: Iterable[Entry], **options: Any) -> Result:
    result = rehearse(unidentified(entries), setting(**options))
    times = [p.first for p in result.problems] + [p.last for p in result.problems]
    result.read = {
        "bytes": 100,
        "lines": 10, "skimmed": 0, "records": 10, "severe": 5, "continued": 0, "not_understood": 0,
        "examples": [], "without_time": 0, "without_level": 0,
        "unknown_levels": {}, "unknown_zones": [], "cut": 0, "turned_back": 0,
        "unreached": 0, "damaged": [], "formats": {"time, level": 10},
        "earliest": min(times, default=None), "latest": max(times, default=None),
    }  # fmt: skip
    return result
