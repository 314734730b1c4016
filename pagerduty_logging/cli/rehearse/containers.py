"""What wraps the lines of a log: journald, Docker, Kubernetes, syslog, CloudWatch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pagerduty_logging.cli.rehearse import key_values, levels, structured, times

MAX_SOURCES: Final = 1_000
"""Containers whose names are remembered."""
MAX_PIECES_CHARS: Final = 1_000_000
"""Characters of one line that is put together from pieces; the rest is left out."""

CRI: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (?P<stream>stdout|stderr) "
    r"(?P<tag>[PF])(?::\w+)* (?P<text>.*)",
    re.DOTALL,
)
SYSLOG: Final = re.compile(
    rf"(?:<(?P<priority>\d{{1,3}})>)?(?:(?P<time>{times.SYSLOG})|1 (?P<time5>\S+)) (?P<host>\S+) "
    r"(?:(?P<facility>kern|user|mail|daemon|auth|authpriv|syslog|lpr|news|cron|local\d)\.(?P<severity>\w+) )?"
    r"(?P<tag>[^\s:\[]+(?:\([^)]*\))?)(?:\[(?P<pid>\d+)\])?(?P<colon>:?) (?P<text>.*)",
    re.DOTALL,
)
SYSLOG_ISO: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)|"
    r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{6})? [A-Z]{3,5}) "
    r"(?:[A-Z][a-z]\((?P<priority>\d{1,3})\)(?:\[\+\])? )?(?:(?P<host>[^\s:\[]+) )?"
    r"(?P<tag>[^\s:\[\]]+)(?:\[(?P<pid>[\w.]+)\]:|(?(host):|(?(priority):|(?!)))) (?P<text>.*)",
    re.DOTALL,
)
"""The format of rsyslog, `journalctl -o short-iso` and `short-full`, ESXi, and Heroku (without a host)."""
SYSLOG_BARE: Final = re.compile(
    rf"(?:<(?P<priority>\d{{1,3}})>)?(?P<time>{times.SYSLOG}) (?P<tag>[^\s\[]+)(?:\[(?P<pid>\d+)\])?:? "
    r"(?P<text>.*)",
    re.DOTALL,
)
"""A line that names only the host, or with the program's name in the place of the host's."""
PREFIXED: Final = re.compile(
    r"(?P<source>[a-z][\w.-]{0,80}[-_]\d{1,4} +\||"
    r"[a-z][\w.-]{0,80} +\||\[pod/[\w./-]{1,200}\]) (?P<text>.*)",
    re.DOTALL,
)
"""A line of one of several containers: of `docker compose logs`, and of `kubectl logs --prefix`."""
_PREFIX_BEGINS: Final = "[abcdefghijklmnopqrstuvwxyz"
STERN: Final = re.compile(
    r"(?P<source>[a-z0-9][a-z0-9.-]{0,200}-[a-z0-9]{1,10} [a-z0-9][a-z0-9-]{0,62}) (?P<text>.*)", re.DOTALL
)
"""Pod and container, as stern writes them; only if the rest begins a record, or did so before."""
FLY: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z) (?P<tag>[a-z]+)\[(?P<pid>\w+)\] [a-z]{3} "
    r"\[(?P<level>[a-z]+)\] ?(?P<text>.*)",
    re.DOTALL,
)
_STAMPED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}(?:Z|[+-]\d\d:?\d\d) ")
_GOES_ON: Final = re.compile(
    r"\t| {2}File | {4}|Traceback \(most recent call last\):|During handling of |The above exception "
)
_RAISED: Final = re.compile(r"(?P<kind>[A-Za-z_][\w.]*)(?:: .*|:)?$")
_RECORD: Final = re.compile(r"\{|[\[(]?\d+[-/.:]\d|\[?[A-Z]{4,}")
_COUNTED: Final = re.compile(r"^\d{1,6} (?=<\d{1,3}>)")
_SHIPPERS: Final = frozenset(
    {
        "agent",
        "podName",
        "kubernetes",
        "container_name",
        "container_id",
        "@logStream",
        "@log",
        "@ptr",
        "docker",
    }
)
"""Keys of what ships lines of text as JSON: Filebeat, stern, Fluentd, CloudWatch's Insights."""
CLOUDWATCH: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)) "
    r"(?:\d{4}/\d\d/\d\d/\[[^\]]{1,40}\]\w{1,64} )?"  # the stream, as `aws logs tail` names it
    r"(?P<text>(?:\[|\{|[A-Z]+ |\d{4}-|Traceback | ).*)",
    re.DOTALL,
)


@dataclass(slots=True)
class Line:
    """A line without its wrapper.

    Attributes:
        text: the application's own line.
        time: the wrapper's time, in seconds since the epoch; None: there is no wrapper.
        source: where the line comes from: lines of different sources do not belong together.
        level: the wrapper's level, used if the line has none.
        logger: likewise.
        process: likewise.
        said: the line as JSON, if it was parsed already.
        path, line, function: the place in the source, from journald.
    """

    text: str
    time: float | None = None
    source: str = ""
    level: int | None = None
    logger: str = ""
    process: int | None = None
    said: Mapping[str, Any] | None = None
    path: str = ""
    line: int = 0
    function: str = ""
    wrapper: str = ""


class Unwrapper:
    """Removes the wrapper from lines, and joins the pieces of long ones.

    Args:
        clock: reads times.
    """

    def __init__(self, clock: times.Clock) -> None:
        self._when = times.reader_of(clock)
        self._pieces: dict[str, tuple[Line, list[str]]] = {}
        self._sizes: dict[str, int] = {}
        self._sources: set[str] = set()

    def unwrap(self, text: str, *, prefixed: bool = True) -> Line | None:
        """Return a line of the application; None: it is a piece of a line whose end is still to come.

        Args:
            text: the line.
            prefixed: whether the name of a container may stand before it.
        """
        text = text.removeprefix("\x1e")  # which begins each object of a JSON text sequence (RFC 7464)
        if text.startswith("{"):
            said = parsed(text)
            return Line(text) if said is None else self.of_json(said, text)
        if "<" in text[:8]:
            text = _COUNTED.sub("", text)  # RFC 6587 counts a message's bytes
        if text[4:5] == "-" and text[10:11] == "T":
            found = FLY.fullmatch(text)
            if found is not None:
                return self._of_fly(found)
            stamp = _STAMPED.match(text)
            if stamp is not None and _GOES_ON.match(text, stamp.end()):
                return Line(text[stamp.end() :])
            found = SYSLOG_ISO.fullmatch(text)
            if found is not None and not _are_levels(found["tag"], found["host"]):
                return self._of_syslog(found)
            found = CRI.match(text)
            if found is not None:
                line = Line(found["text"], self._when(found["time"]), found["stream"], wrapper="Kubernetes")
                return self._joined(line, found["tag"] == "F")
        if text[:1] in "<1ADFJMNOS":
            found = SYSLOG.fullmatch(text)
            if found is None or _are_levels(found["tag"]):
                found = SYSLOG_BARE.fullmatch(text)
            if found is not None:
                return self._of_syslog(found)
        if text[3:4] == " " and text[8:9] == "-":
            found = SYSLOG_ISO.fullmatch(text)
            if found is not None:
                return self._of_syslog(found)
        found = PREFIXED.fullmatch(text) if prefixed and text[:1] in _PREFIX_BEGINS else None
        if found is None and prefixed and text[:1].isalnum():
            found = STERN.fullmatch(text)
        if found is not None and (
            found["source"] in self._sources or _begins(found["source"], found["text"])
        ):
            if len(self._sources) < MAX_SOURCES:
                self._sources.add(found["source"])
            inner = self.unwrap(found["text"], prefixed=False)
            if inner is not None:
                inner.source = f"{found['source']}{inner.source}"
            return inner
        return Line(text, said=key_values.read(text))

    def of_cloudwatch(self, text: str) -> Line | None:
        """Return the line of CloudWatch's export, which has a time before it; else None."""
        found = CLOUDWATCH.fullmatch(text)
        if found is None:
            return None
        return self._inner(
            Line(found["text"].replace("\r", "\n"), self._when(found["time"]), wrapper="CloudWatch")
        )

    def of_json(self, said: Mapping[str, Any], text: str = "") -> Line | None:
        """Return the line that a JSON object wraps, or is; None: it is a piece of a line."""
        if isinstance(said.get("log"), str) and "time" in said and ("stream" in said or len(said) == 2):
            piece = said["log"]
            line = Line(
                piece.removesuffix("\n"),
                self._when(said["time"]),
                str(said.get("stream", "")),
                wrapper="Docker",
            )
            return self._joined(line, piece.endswith("\n"))
        if "__REALTIME_TIMESTAMP" in said or ("MESSAGE" in said and "PRIORITY" in said):
            return self._inner(self._of_journald(said))
        if (
            isinstance(said.get("message"), str)
            and "timestamp" in said
            and ("logStreamName" in said or "ingestionTime" in said)
        ):
            line = Line(
                said["message"].rstrip("\r\n").replace("\r", "\n"),
                self._when(said["timestamp"]),
                str(said.get("logStreamName", "")),
                wrapper="CloudWatch",
            )
            return self._inner(line)
        if isinstance(said.get("_source"), Mapping) and "_index" in said:  # Elasticsearch's
            said = said["_source"]
        shipped = self._shipped(said)
        if shipped is not None:
            return self._inner(shipped)
        if isinstance(said.get("textPayload"), str) and ("logName" in said or "insertId" in said):
            return self._inner(self._of_google(said))
        return Line(text, said=said)

    def _shipped(self, said: Mapping[str, Any]) -> Line | None:
        """Return a line of text that was shipped as JSON, whose level is in its text; None: it is not one."""
        text: Any = None
        level: Any = None
        if "fly" in said or (_SHIPPERS & said.keys() and not structured.says_level(said)):
            text = said.get("message", said.get("log", said.get("@message")))
        elif "line" in said and isinstance(said.get("labels"), Mapping):  # of Loki's `logcli -o jsonl`
            text, level = said["line"], said["labels"].get("level")
        elif "resultDescription" in said and "category" in said:  # of Azure's App Service
            text = said["resultDescription"]
            level = said.get("level") if said["category"] != "AppServiceConsoleLogs" else None
        if not isinstance(text, str):
            return None
        time = said.get("@timestamp", said.get("timestamp", said.get("time")))
        if "@ptr" in said or "@logStream" in said:
            time = f"{time}Z"  # Insights' are UTC, and do not say so
        return Line(
            text.rstrip("\r\n"),
            self._when(time),
            str(said.get("podName") or said.get("container_name") or said.get("@logStream") or ""),
            levels.of_value(level)[0],
            wrapper="a log shipper",
        )

    def _of_fly(self, found: re.Match[str]) -> Line:
        level = (
            None if found["tag"] == "app" else levels.of_word(found["level"])
        )  # it is "info" for every line
        return self._inner(
            Line(
                found["text"], self._when(found["time"]), found["pid"], level, found["tag"], wrapper="Fly.io"
            )
        )

    def _of_google(self, said: Mapping[str, Any]) -> Line:
        """Return a line of Google Cloud Logging's export, which gives whole streams one severity."""
        resource = said.get("resource")
        labels = resource.get("labels") if isinstance(resource, Mapping) else None
        level, word = levels.of_value(said.get("severity"))
        return Line(
            str(said["textPayload"]).rstrip("\n"),
            self._when(said.get("timestamp") or said.get("receiveTimestamp")),
            f"{said.get('logName', '')}{labels or ''}",
            None if word == "DEFAULT" else level,
            wrapper="Google Cloud",
        )

    def _of_journald(self, said: Mapping[str, Any]) -> Line:
        priority = str(said.get("PRIORITY", ""))
        process = str(said.get("_PID", said.get("SYSLOG_PID", "")))
        code_line = str(said.get("CODE_LINE", ""))
        return Line(
            decoded(said.get("MESSAGE")),
            self._when(said.get("_SOURCE_REALTIME_TIMESTAMP") or said.get("__REALTIME_TIMESTAMP")),
            f"{said.get('_SYSTEMD_UNIT', said.get('SYSLOG_IDENTIFIER', ''))}/{process}",
            levels.of_syslog(int(priority)) if priority in tuple("01234567") else None,
            str(said.get("LOGGER") or said.get("SYSLOG_IDENTIFIER") or said.get("_COMM") or ""),
            int(process) if process.isascii() and process.isdigit() and len(process) < 12 else None,
            None,
            str(said.get("CODE_FILE", "")),
            int(code_line) if code_line.isascii() and code_line.isdigit() and len(code_line) < 9 else 0,
            str(said.get("CODE_FUNC", "")),
            "journald",
        )

    def _of_syslog(self, found: re.Match[str]) -> Line:
        groups = found.groupdict()
        priority = groups.get("priority")
        level = None if priority is None else levels.of_syslog(int(priority) & 7)
        if groups.get("severity") is not None:
            level = levels.of_word(found["severity"])
        text = found["text"]
        if groups.get("time5") is not None:  # RFC 5424: process, message id, structured data
            text = re.sub(r"^\S+ \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+)? *", "", text).removeprefix("\ufeff")
        pid = found["pid"]
        return self._inner(
            Line(
                text,
                self._when(found["time"] or groups.get("time5")),
                f"{found['tag']}/{pid}",
                level,
                found["tag"],
                int(pid) if pid and pid.isascii() and pid.isdigit() and len(pid) < 12 else None,
                wrapper="syslog",
            )
        )

    def _inner(self, line: Line) -> Line:
        if line.text.startswith("{"):
            line.said = parsed(line.text)
        else:
            line.said = key_values.read(line.text)
        return line

    def _joined(self, line: Line, is_last: bool) -> Line | None:
        source, piece = line.source, line.text
        if source in self._pieces or not is_last:
            _, pieces = self._pieces.setdefault(source, (line, []))
            size = self._sizes.get(source, 0)
            if size < MAX_PIECES_CHARS:
                pieces.append(piece)
                self._sizes[source] = size + len(piece)
            if not is_last:
                return None
            return self._put_together(source)
        line.text = piece.removesuffix("\r")
        return self._inner(line)

    def _put_together(self, source: str) -> Line:
        line, pieces = self._pieces.pop(source)
        self._sizes.pop(source, None)
        line.text = "".join(pieces).removesuffix("\r")
        return self._inner(line)

    def end(self) -> list[Line]:
        """Return the lines whose last piece never came."""
        return [self._put_together(source) for source in list(self._pieces)]


def without_time(text: str) -> str:
    """Return the last line of a traceback without the time before it; any other line unchanged."""
    stamp = _STAMPED.match(text)
    found = None if stamp is None else _RAISED.match(text, stamp.end())
    return text if stamp is None or found is None or _are_levels(found["kind"]) else text[stamp.end() :]


def _begins(source: str, text: str) -> bool:
    """Return whether a line begins with the name of a container, because the rest begins a record."""
    return source[0] == "[" or source[-2:-1].isdigit() or _RECORD.match(text) is not None


def _are_levels(*words: str | None) -> bool:
    """Return whether one of the words is a level, which no syslog line has before the message."""
    return any(word is not None and levels.of_word(word) is not None for word in words)


def decoded(message: Any) -> str:
    """Return journald's MESSAGE: a list of bytes where it is not UTF-8 or holds control characters."""
    if isinstance(message, list):
        if len(message) > 0 and all(isinstance(byte, int) and 0 <= byte < 256 for byte in message):
            return bytes(message).decode("utf-8", "replace")
        return "\n".join(decoded(each) for each in message)  # the field was given several times
    return message if isinstance(message, str) else ""


def parsed(text: str) -> Mapping[str, Any] | None:
    """Return a JSON object; else None."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
