"""Reads times as logs write them, and adds the time zone or year that they leave out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final

from pagerduty_logging.cli.rehearse import zone_names

# Possessive, so that no part of the time is matched as another field.
_OF_DAY: Final = r"\d\d?:\d\d(?::\d\d(?:[.,:]\d{1,9}+)?+)?+(?: ?[AaPp][Mm](?![A-Za-z]))?+"
_ZONE: Final = (
    rf"(?:(?: ?(?:Z|{zone_names.NAMES}|[+-]\d\d:?\d\d)|[+-]\d\d)(?![A-Za-z\d:])"
    rf"| \((?:{zone_names.NAMES})\))?+"
)
_MONTH: Final = r"[A-Z][a-z]{2,8}"
ISO: Final = rf"\d{{4}}-\d\d-\d\d(?:[T _:]|, ){_OF_DAY}{_ZONE}"
ISO_FIELD: Final = f"(?P<time>{ISO})"
"""The group `time` of a format whose times are ISO 8601."""
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
"""Dates that do not show whether the day or the month comes first."""
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
"""How much older a line may be than the previous one, if several processes write to one log."""
YEAR_AHEAD: Final = timedelta(days=1)
"""How far a day without a year may be after the newest possible one, because clocks differ."""


class Clock:
    """Reads the times of one log, in their order.

    Args:
        zone: the zone of times that name none.
        newest: when the log was last written, in seconds since the epoch; a day without a year is the latest
            one before that.

    Attributes:
        may_turn_back: whether a time without a zone was read, and the zone has summer time.
        unknown_names: names of zones in times that may mean several zones.
        day_first: whether dates such as 03/04/2026 name the day first; None: unknown, and such a date is
            not read.
        unclear_day: the first date for which this would be needed.
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
        """Return a time in seconds since the epoch; None: it is not a time.

        Args:
            text: the time.
            layout: its format, as for `time.strftime`; None: any known one.
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
        """Return a time without remembering it, because it may be out of order."""
        previous = self._previous
        try:
            return self.read(text, layout)
        finally:
            self._previous = previous

    def _read(self, text: str, layout: str | None) -> tuple[float, bool] | None:
        """Return a time, and whether the same text always means the same time."""
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
            min(int(part["s"] or 0), 59),  # a leap second is read as the second before it
            int(fraction),
            tzinfo=_offset(part.get("o")),
        )
        when = self._with_year(when, year is not None)
        name = part.get("n")
        return when if name is None else self._named(when, name)

    def _ordered(self, part: dict[str, str | None]) -> dict[str, str | None]:
        """Return the parts of a date with day and month in the known order."""
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
        """Return a local time as a moment; an hour that comes twice is the second one if time went back."""
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
        """Return whether local time is set back, or ambiguous, between two moments."""
        margin = 3 * 3600.0
        before = datetime.fromtimestamp(max(earlier - margin, 0.0), self._zone)
        after = datetime.fromtimestamp(later + margin, self._zone)
        return (before.utcoffset() or timedelta()) > (after.utcoffset() or timedelta())


def _month(name: str) -> int | None:
    """Return the number of a month from its name or abbreviation; None: it is not a month."""
    return next((n for n, full in enumerate(_FULL_MONTHS, 1) if full.startswith(name[:8])), None)


def _hour(hour: int, half: str | None) -> int | None:
    """Return the hour of the day; None: it is too large for a 12-hour clock."""
    if half is None:
        return hour
    return hour % 12 + (12 if half in "Pp" else 0) if 1 <= hour <= 12 else None


@lru_cache(maxsize=100)
def _is_turned(zone: tzinfo, year: int) -> bool:
    """Return whether a zone's clocks change within a year."""
    return len({datetime(year, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}) > 1


def of_number(value: str | float) -> datetime | None:
    """Return the moment of a number of seconds, milliseconds, microseconds or nanoseconds since the epoch."""
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
    """Return a function that reads the time of a JSON value: a text, a number, or an object with one."""

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
    """Return a time that `strftime` wrote, also without a zone or with an unknown zone name."""
    try:
        return datetime.strptime(text, layout)
    except ValueError:
        bare = layout.replace("%z", "").replace("%Z", "").rstrip()
        if bare == layout:
            raise
        return datetime.strptime(text, bare)


_ZONE_NAME: Final = re.compile(r"(?<![A-Za-z])[A-Z]{3,5}(?![A-Za-z])")


def names_day(layout: str) -> bool:
    """Return whether a time in this layout names its day, perhaps without the year."""
    return any(each in layout for each in ("%d", "%e", "%j", "%c", "%x", "%D", "%F", "%s", "%G", "%u"))


def _names_year(layout: str) -> bool:
    return any(directive in layout for directive in ("%Y", "%y", "%c", "%x", "%D", "%F", "%s", "%G"))
