"""Times as logs write them, and the time zone and year that they leave out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final

from pagerduty_logging.cli.rehearse import zone_names

# Possessive: what belongs to the time is not given up to be taken for another field.
_OF_DAY: Final = r"\d\d?:\d\d(?::\d\d(?:[.,:]\d{1,9}+)?+)?+(?: ?[AaPp][Mm](?![A-Za-z]))?+"
_ZONE: Final = (
    rf"(?:(?: ?(?:Z|{zone_names.NAMES}|[+-]\d\d:?\d\d)|[+-]\d\d)(?![A-Za-z\d:])"
    rf"| \((?:{zone_names.NAMES})\))?+"
)
_MONTH: Final = r"[A-Z][a-z]{2,8}"
ISO: Final = rf"\d{{4}}-\d\d-\d\d(?:[T _:]|, ){_OF_DAY}{_ZONE}"
CLF: Final = r"\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: [+-]\d{4})?"
CTIME: Final = r"(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4}"
SYSLOG: Final = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?! \d{4}\b)"
SLASHED: Final = rf"\d{{4}}[/.]\d\d[/.]\d\d[ T]{_OF_DAY}{_ZONE}"
YEARLESS: Final = r"\d\d[-.]\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?"
COMPACT: Final = r"\d{8}[-T ](?:\d{6}|\d\d?:\d\d?:\d\d?)(?:[:.,]\d{1,9})?Z?"
SHORT: Final = r"\d{6} \d\d:?\d\d:?\d\d"
KLOG: Final = r"\d{4} \d\d:\d\d:\d\d(?:\.\d{6})?"
DASHED: Final = rf"\d{{1,2}}-[A-Z][a-z]{{2}}-(?:\d{{4}}|\d\d) {_OF_DAY}"
SPELT: Final = (
    rf"(?:[A-Z][a-z]{{2,8}},? )?(?:\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}}),?(?: @)? "
    rf"{_OF_DAY}{_ZONE}"
)
NUMERIC: Final = rf"\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{4}},? {_OF_DAY}{_ZONE}"
"""Whether the day or the month comes first is not said."""
DOTTED: Final = r"\d{4}[-.]\d\d[-.]\d\d-\d\d\.\d\d\.\d\d(?:\.\d{1,9})?"
EPOCH: Final = r"\d{9,19}(?:\.\d{1,9})?"

ANY: Final = "|".join((ISO, CLF, CTIME, SLASHED, DASHED, DOTTED, COMPACT, SPELT, NUMERIC))
"""Any time with its year, as a regular expression."""

_FULL_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_HOURS = (
    r"(?P<h>\d\d?)(?P<colon>[:.])(?P<mi>\d\d?)(?:(?P=colon)(?P<s>\d\d?)(?:[.,:](?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])[Mm])?"
)
_CLOCK = r"(?P<h>\d\d?)[:.]?(?P<mi>\d\d?)[:.]?(?P<s>\d\d?)(?:[.,:](?P<f>\d{1,9}))?"
_OFFSET = rf"(?: ?(?P<o>Z|[+-]\d\d(?::?\d\d)?)| ?(?P<n>{zone_names.NAMES}))?"
_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:[A-Z][a-z]{2} )?(?P<y>\d{4})[-/.](?P<mo>\d\d)[-/.](?P<d>\d\d)(?:[T _:-]|, )" + _HOURS + _OFFSET,
        rf"(?P<d>\d{{1,2}})[/-](?P<mo>[A-Z][a-z]{{2}})[/-](?P<y>\d{{4}}|\d\d)[: ]{_HOURS}{_OFFSET}",
        rf"(?:[A-Z][a-z]+,? )?(?P<d>\d{{1,2}}) (?P<mo>{_MONTH}) (?P<y>\d{{4}}),? {_HOURS}{_OFFSET}",
        rf"(?:[A-Z][a-z]+,? )?(?P<mo>{_MONTH}) (?P<d>\d{{1,2}}),? (?P<y>\d{{4}}),?(?: @)? {_HOURS}{_OFFSET}",
        rf"(?P<first>\d{{1,2}})(?P<sep>[/.-])(?P<second>\d{{1,2}})(?P=sep)(?P<y>\d{{4}}),? {_HOURS}{_OFFSET}",
        rf"(?:[A-Z][a-z]{{2}} )?(?P<mo>[A-Z][a-z]{{2}}) (?P<d>[ \d]\d) {_CLOCK}(?: (?P<y>\d{{4}}))?",
        rf"(?P<y>\d{{4}})(?P<mo>\d\d)(?P<d>\d\d)[-T ]{_CLOCK}{_OFFSET}",
        rf"(?P<y>\d{{2}})(?P<mo>\d\d)(?P<d>\d\d) {_CLOCK}",
        rf"(?P<mo>\d\d)[-.]?(?P<d>\d\d) {_CLOCK}",
    )
)
_LEAP_YEAR = 2000  # for a day without a year
_EARLIEST, _LATEST = 0.0, 253_402_300_799.0
JITTER: Final = timedelta(minutes=1)
"""How much older a line may be than the one before it, where several processes write to one log."""
YEAR_AHEAD: Final = timedelta(days=1)
"""How far a day without a year may lie after the newest that it can be: clocks differ."""


class Clock:
    """Reads the times of one log, in their order.

    Args:
        zone: of times that name none.
        newest: when the log was last written, in seconds since the epoch; days without a year are the latest
            ones before.

    Attributes:
        may_turn_back: whether a time was read that names no zone, in one whose clocks are turned.
        unknown_names: names of zones that times had, and that do not say which zone is meant.
        day_first: whether dates such as 03/04/2026 name the day first; None: that is not known, and such
            a date is no time.
        unclear_day: the first date of which it would have to be known.
    """

    def __init__(self, zone: tzinfo, newest: float) -> None:
        self._zone = zone
        self._newest = datetime.fromtimestamp(newest, zone)
        self._previous: datetime | None = None
        self._known: dict[str, float] = {}
        self.may_turn_back = False
        self.unknown_names: set[str] = set()
        self.day_first: bool | None = None
        self.unclear_day = ""

    def read(self, text: str, layout: str | None = None) -> float | None:
        """Return a time in seconds since the epoch; None if it is no time.

        Args:
            text: the time.
            layout: its format, as `time.strftime` takes it; None: any of those that are known.
        """
        known = self._known.get(text)
        if known is not None:
            return known
        found = self._read(text.strip(), layout)
        if found is not None and found[1]:
            if len(self._known) > 1_000:
                self._known.clear()
            self._known[text] = found[0]
        return found[0] if found else None

    def peek(self, text: str, layout: str | None = None) -> float | None:
        """Return a time of which it does not count that it was read: it may not be its turn."""
        previous = self._previous
        try:
            return self.read(text, layout)
        finally:
            self._previous = previous

    def _read(self, text: str, layout: str | None) -> tuple[float, bool] | None:
        """Return a time, and whether the same text always means it."""
        try:
            when = self._parsed(text, layout)
            if when is None:
                return None
            certain = when.tzinfo is not None
            if when.tzinfo is None:
                when, certain = self._placed(when)
            seconds = when.timestamp()
        except (ValueError, OverflowError, OSError):
            return None
        return (seconds, certain) if _EARLIEST <= seconds <= _LATEST else None

    def _parsed(self, text: str, layout: str | None) -> datetime | None:
        if layout == "%s":
            return of_number(text)
        if layout is not None:
            name = _ZONE_NAME.search(text) if "%Z" in layout else None
            if name is not None:
                text, layout = text.replace(name[0], "", 1), layout.replace("%Z", "").strip()
            when = self._with_year(_as_laid_out(text.strip(), layout), _names_year(layout))
            return when if name is None else self._named(when, name[0])
        text = text.replace("(", "").replace(")", "")  # around the name of a zone
        for pattern in _PATTERNS:
            found = pattern.fullmatch(text)
            if found is not None:
                return self._built(found.groupdict())
        return of_number(text)

    def _built(self, part: dict[str, str | None]) -> datetime | None:
        if part.get("first"):
            part = self._ordered(part)
        month = part.get("mo") or ""
        number = int(month) if month.isdigit() else _month(month) if month else None
        hour = _hour(int(part["h"] or 0), part.get("half"))
        if number is None or hour is None:
            return None
        year = part.get("y")
        fraction = (part["f"] or "0")[:6].ljust(6, "0")
        when = datetime(
            _LEAP_YEAR if year is None else int(year) + (2000 if len(year) == 2 else 0),
            number,
            int(part["d"] or 0),
            hour,
            int(part["mi"] or 0),
            min(int(part["s"] or 0), 59),  # a leap second is the one before it
            int(fraction),
            tzinfo=_offset(part.get("o")),
        )
        when = self._with_year(when, year is not None)
        name = part.get("n")
        return when if name is None else self._named(when, name)

    def _ordered(self, part: dict[str, str | None]) -> dict[str, str | None]:
        """Return a date's parts with its day and its month, as far as it is known which is which."""
        first, second = part["first"] or "", part["second"] or ""
        day_first = self.day_first
        if part["sep"] == "." or int(first) > 12:
            day_first = True
        elif int(second) > 12 or first == second:
            day_first = False
        if day_first is None:
            self.unclear_day = self.unclear_day or f"{first}{part['sep']}{second}{part['sep']}{part['y']}"
            return part
        day, month = (first, second) if day_first else (second, first)
        return {**part, "d": day, "mo": month}

    def _named(self, when: datetime, name: str) -> datetime:
        if when.tzinfo is not None:
            return when
        placed = zone_names.placed(when, name, self._zone)
        if placed is None:
            self.unknown_names.add(name)
        return placed or when

    def _with_year(self, when: datetime, has_year: bool) -> datetime:
        if has_year:
            return when
        for year in range(self._newest.year + 1, self._newest.year - 9, -1):
            try:
                dated = when.replace(year=year)
            except ValueError:  # the 29th of February
                continue
            if dated.replace(tzinfo=self._zone) <= self._newest + YEAR_AHEAD:
                return dated
        return when

    def _placed(self, naive: datetime) -> tuple[datetime, bool]:
        """Return a local time as a moment: an hour that comes twice is the second where time went back."""
        if not _is_turned(self._zone, naive.year):
            return naive.replace(tzinfo=self._zone), True
        self.may_turn_back = True
        first, second = (naive.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        twice = (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())
        chosen = first
        previous = self._previous
        if twice and previous is not None:
            back = naive < previous.replace(tzinfo=None, fold=0) - JITTER
            chosen = second if back or previous.fold else first
        self._previous = chosen
        return chosen, not twice

    def is_unsure(self, earlier: float, later: float) -> bool:
        """Return whether the local time is turned back, or said twice, between two moments."""
        margin = 3 * 3600.0
        before = datetime.fromtimestamp(max(earlier - margin, 0.0), self._zone)
        after = datetime.fromtimestamp(later + margin, self._zone)
        return (before.utcoffset() or timedelta()) > (after.utcoffset() or timedelta())


def _month(name: str) -> int | None:
    """Return the number of a month's name, or of how it is cut short; None: it is none."""
    return next((n for n, full in enumerate(_FULL_MONTHS, 1) if full.startswith(name[:8])), None)


def _hour(hour: int, half: str | None) -> int | None:
    """Return the hour of the day; None: there is none so late in half a day."""
    if half is None:
        return hour
    return hour % 12 + (12 if half in "Pp" else 0) if 1 <= hour <= 12 else None


@lru_cache(maxsize=100)
def _is_turned(zone: tzinfo, year: int) -> bool:
    """Return whether a zone's clocks are turned within a year."""
    return len({datetime(year, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}) > 1


def of_number(value: str | float) -> datetime | None:
    """Return the moment of a number of seconds, or of thousandths, millionths or so, since the epoch."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or number < 1e8:
        return None
    while number > 1e11:
        number /= 1_000.0
    return datetime.fromtimestamp(number, UTC)


def reader_of(clock: Clock) -> Callable[[object], float | None]:
    """Return what reads the time of a JSON value: a text, a number, an object that holds one."""

    def read(value: object) -> float | None:
        match value:
            case bool():
                return None
            case int() | float():
                when = of_number(value)
                return None if when is None else when.timestamp()
            case str():
                return clock.read(value)
            case {"timestamp": int(number)} | {"timestamp": float(number)}:
                return read(number)
            case {"$date": inner} | {"$numberLong": inner}:
                return read(inner)
            case {"seconds": int() | float() as number} | {"epochSecond": int() | float() as number}:
                return read(number + _nanoseconds(value) / 1e9)
            case _:
                return None

    return read


def _nanoseconds(value: Any) -> float:
    number = value.get("nanos", value.get("nanoOfSecond", 0))
    return number if isinstance(number, (int, float)) and 0 <= number < 1e9 else 0.0


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0)))


def _as_laid_out(text: str, layout: str) -> datetime:
    """Return a time that `strftime` wrote, also where it left the zone out or gave it an unknown name."""
    try:
        return datetime.strptime(text, layout)
    except ValueError:
        bare = layout.replace("%z", "").replace("%Z", "").rstrip()
        if bare == layout:
            raise
        return datetime.strptime(text, bare)


_ZONE_NAME: Final = re.compile(r"(?<![A-Za-z])[A-Z]{3,5}(?![A-Za-z])")


def names_day(layout: str) -> bool:
    """Return whether a time in this layout says on which day it was, but for the year."""
    return any(each in layout for each in ("%d", "%e", "%j", "%c", "%x", "%D", "%F", "%s", "%G", "%u"))


def _names_year(layout: str) -> bool:
    return any(directive in layout for directive in ("%Y", "%y", "%c", "%x", "%D", "%F", "%s", "%G"))
