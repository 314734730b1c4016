"""Reads lines of JSON: the meaning of fields, for every known library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pagerduty_logging.cli.rehearse import levels
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.record.echoes import HEADER

JSON: Final = "JSON lines"

ReadTime = Callable[[object], float | None]

TIMES: Final = (
    "asctime", "@timestamp", "timestamp", "time", "created", "ts", "datetime", "date",
    "eventTime", "Timestamp", "timestamp_ns", "timeUnixNano", "observed_timestamp", "t", "instant",
    "timestampSeconds", "log_time", "when",
)  # fmt: skip
LEVELS: Final = (
    "levelname", "level_name", "level", "severity", "log.level", "log_level", "loglevel", "lvl",
    "severity_text", "severityText", "SeverityText", "levelno", "level_number",
)  # fmt: skip
MESSAGES: Final = (
    "message", "msg", "event", "short_message", "textPayload", "body", "Body", "text", "errorMessage", "log",
    "log_format", "@message",
)  # fmt: skip
LOGGERS: Final = (
    "logger", "logger_name", "log.logger", "loggerName", "name", "channel", "scope_name", "target",
    "component", "logger.name", "log_namespace",
)  # fmt: skip
TRACEBACKS: Final = (
    "exc_info", "exc_text", "exception", "stack_trace", "error.stack_trace", "traceback", "exc", "stackTrace",
    "stack_info", "exception.stacktrace", "err", "error", "error.stack", "error_detail",
)  # fmt: skip
PATHS: Final = ("pathname", "log.origin.file.name", "code.filepath", "code.file.path", "filename", "file")
LINES: Final = ("lineno", "log.origin.file.line", "code.lineno", "code.line.number", "line")
FUNCTIONS: Final = (
    "funcName",
    "log.origin.function",
    "code.function",
    "code.function.name",
    "func_name",
    "function",
)
PROCESSES: Final = ("process", "process.pid", "pid", "processid")
_SOURCE: Final = "logging.googleapis.com/sourceLocation"
_KNOWN: Final = frozenset(
    (*TIMES, *LEVELS, *MESSAGES, *LOGGERS, *TRACEBACKS, *PATHS, *LINES, *FUNCTIONS, *PROCESSES, _SOURCE)
)


def read(said: Mapping[str, Any], when: ReadTime) -> Iterator[Entry]:
    """Yield the records that a JSON object holds: one, or those of an OTLP export; none if it holds none."""
    if "resourceLogs" in said:
        yield from _otlp(said, when)
        return
    record = said.get("record")
    if isinstance(record, Mapping) and "level" in record and "text" in said:
        yield _loguru(said, record, when)
        return
    entry = _entry(_flat(said), when)
    if entry is not None:
        yield entry


def says_level(said: Mapping[str, Any]) -> bool:
    """Return whether an object says a level."""
    return _level(_flat(said))[0] is not None


def _entry(said: dict[str, Any], when: ReadTime) -> Entry | None:
    level, word = _level(said)
    message, message_name = _first(said, MESSAGES)
    trace = _traceback(said, message_name)
    if isinstance(message, Mapping):
        message = message.get("message", message.get("stringValue", message))
    if message is None and level is None and not trace:
        return None
    logger, logger_name = _first(said, LOGGERS)
    return Entry(
        time=_time(said, when),
        level=level,
        level_name=word,
        logger=logger if isinstance(logger, str) else "",
        message="" if message is None else message if isinstance(message, str) else json.dumps(message),
        traceback=trace,
        path=_text(_first(said, PATHS)[0]),
        line=_number(_first(said, LINES)[0]) or 0,
        function=_text(_first(said, FUNCTIONS)[0]),
        process=_number(_first(said, PROCESSES)[0]),
        fields={
            name: value
            for name, value in said.items()
            if name not in _KNOWN or _is_own(name, message_name, logger_name)
        },
    )


def _is_own(name: str, message_name: str, logger_name: str) -> bool:
    """Return whether a field is the application's, though its name has a meaning in other logs."""
    return name in ("component", "target", "name", "date", "file", "line", "text", "error") and name not in (
        message_name,
        logger_name,
    )


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with the fields that ECS, Google, OpenTelemetry and tracing nest, by dotted name."""
    flat = {_usual_name(name, said): value for name, value in said.items()}
    if "@t" in said:
        flat.setdefault("level", "information")  # which Serilog leaves out
    for name in ("fields", "attributes", "jsonPayload", "@fields"):
        inner = said.get(name)
        if isinstance(inner, Mapping):
            del flat[name]
            flat = {**inner, **flat}
    for name in ("log", "error", "process", "code", "logger"):
        inner = flat.get(name)
        if isinstance(inner, Mapping):
            del flat[name]
            flat.update(_dotted(name, inner))
    for name in ("logging.googleapis.com/labels", "labels"):
        inner = flat.get(name)
        if isinstance(inner, Mapping) and isinstance(inner.get("python_logger"), str):
            flat.setdefault("logger", inner["python_logger"])
    source = flat.pop(_SOURCE, None) or flat.get("sourceLocation")
    if isinstance(source, Mapping):
        flat.setdefault("pathname", source.get("file"))
        flat.setdefault("lineno", source.get("line"))
        flat.setdefault("funcName", source.get("function"))
    return flat


_SERILOG: Final = {"@t": "time", "@m": "message", "@mt": "message", "@l": "level", "@x": "exception"}
_MONGODB: Final = {"s": "level", "c": "component"}


def _usual_name(name: str, said: Mapping[str, Any]) -> str:
    """Return the usual name of a field of Graylog's GELF, MongoDB or Serilog."""
    if name[:1] == "_" and "short_message" in said:
        return name[1:]
    if name in _MONGODB and "ctx" in said and "t" in said:
        return _MONGODB[name]
    return _SERILOG.get(name, name) if name[:1] == "@" else name


def _dotted(prefix: str, said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from _dotted(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", value


def _level(said: dict[str, Any]) -> tuple[int | None, str]:
    number = said.get("severity_number", said.get("severityNumber", said.get("SeverityNumber")))
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return levels.of_opentelemetry(number), _text(said.get("severity_text") or said.get("severityText"))
    if isinstance(number, str) and number.startswith(_OTLP_NAME):
        word = number.removeprefix(_OTLP_NAME).rstrip("1234")
        return levels.of_word(word), word
    for name in LEVELS:
        value = said.get(name)
        if value is None:
            continue
        level, word = levels.of_value(value)
        if isinstance(value, int) and not isinstance(value, bool):
            level = _of_number(name, value, said)
        if level is not None:
            return level, word
    if said.get("type") == "log" or not {"dd.trace_id", "logger.name", "ddsource"}.isdisjoint(
        said
    ):  # Datadog's
        level, word = levels.of_value(said.get("status"))
        if level is not None and not isinstance(said["status"], (int, float)):
            return level, word
    if said.get("severityLevel") in (0, 1, 2, 3, 4):  # of Azure's Application Insights
        return levels.of_azure(said["severityLevel"]), ""
    return None, ""


_OTLP_NAME: Final = "SEVERITY_NUMBER_"


def _of_number(name: str, number: int, said: Mapping[str, Any]) -> int | None:
    """Return the level of a number, in the scale of the library that writes such objects."""
    if name == "level":
        if "short_message" in said:  # Graylog's GELF has syslog's numbers
            return levels.of_syslog(number)
        if "hostname" in said and "pid" in said:
            return levels.of_bunyan(number)
        if "reqId" in said and "app" in said and 0 <= number <= 4:  # Nextcloud's, up to 4, fatal
            return (number + 1) * 10
    if name == "severity" and number >= 100:
        return levels.of_google(number)
    return levels.of_number(number)


def _time(said: dict[str, Any], when: ReadTime) -> float | None:
    for name in TIMES:
        found = when(said[name]) if name in said else None
        if found is not None:
            return found
    return None


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, str]:
    for name in names:
        value = said.get(name)
        if value is not None and value != "":
            return value, name
    return None, ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    return value if isinstance(value, int) and abs(value) < 1 << 40 else None


def _traceback(said: Mapping[str, Any], message_name: str) -> str:
    for name in TRACEBACKS:
        if name == message_name or name not in said:
            continue
        found = _printed(said[name], said)
        if found:
            return found
    whole = _text(said.get("full_message"))  # GELF's: the message, and what follows it
    begin = whole.find(HEADER)
    return whole[begin:] if begin >= 0 else ""


def _printed(value: Any, said: Mapping[str, Any]) -> str:
    """Return a traceback as Python prints it: from a text, a list of lines, or an object of its parts."""
    match value:
        case str():
            return value if "\n" in value or "Traceback" in value else ""
        case [str(), *_]:
            text = "".join(line if line.endswith("\n") else line + "\n" for line in map(str, value))
            kind = _text(said.get("errorType"))
            if kind and not text.startswith("Traceback"):  # AWS Lambda's, with the frames only
                text = f"{HEADER}\n{text}{kind}: {_text(said.get('errorMessage'))}"
            return text
        case [{"exc_type": str()}, *_]:
            return "\n\n".join(_of_structlog(each) for each in reversed(value) if isinstance(each, Mapping))
        case {"stack": str(stack)} | {"stacktrace": str(stack)} | {"stack_trace": str(stack)}:
            return stack
        case {"type": str(kind), "message": str(text)}:
            return f"{HEADER}\n{kind}: {text}"
        case _:
            return ""


def _of_structlog(raised: Mapping[str, Any]) -> str:
    """Return the text of one exception of structlog's `dict_tracebacks`."""
    lines = [HEADER]
    for frame in raised.get("frames") or ():
        if isinstance(frame, Mapping):
            lines.append(
                f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
            )
    return "\n".join([*lines, f"{raised.get('exc_type')}: {raised.get('exc_value', '')}"])


def _loguru(said: Mapping[str, Any], record: Mapping[str, Any], when: ReadTime) -> Entry:
    level, word = levels.of_value(record["level"])
    file = record.get("file")
    process = record.get("process")
    text = _text(said["text"])
    begin = text.find(f"\n{HEADER}") if record.get("exception") else -1
    extra = record.get("extra")
    return Entry(
        time=when(record.get("time")),
        level=level,
        level_name=word,
        logger=_text(record.get("name")),
        message=_text(record.get("message")),
        traceback=text[begin + 1 :].rstrip("\n") if begin >= 0 else "",
        path=_text(file.get("path")) if isinstance(file, Mapping) else "",
        line=_number(record.get("line")) or 0,
        function=_text(record.get("function")),
        process=_number(process.get("id")) if isinstance(process, Mapping) else None,
        fields=dict(extra) if isinstance(extra, Mapping) else {},
    )


def _otlp(said: Mapping[str, Any], when: ReadTime) -> Iterator[Entry]:
    """Yield the records of OpenTelemetry's protocol as JSON (OTLP/JSON, as the file exporter writes it)."""
    for resource in _mappings(said.get("resourceLogs")):
        for scope in _mappings(resource.get("scopeLogs")):
            named = scope.get("scope")
            name = _text(named.get("name")) if isinstance(named, Mapping) else ""
            for record in _mappings(scope.get("logRecords")):
                attributes = {
                    _text(pair.get("key")): _any_value(pair.get("value"))
                    for pair in _mappings(record.get("attributes"))
                }
                flat = {**attributes, **record, "body": _any_value(record.get("body")), "scope_name": name}
                flat.pop("attributes", None)
                if flat.get("timeUnixNano") in (None, "0", 0):
                    flat["timeUnixNano"] = flat.get("observedTimeUnixNano")
                entry = _entry(flat, when)
                if entry is not None:
                    yield entry


def _any_value(value: Any) -> Any:
    if not isinstance(value, Mapping) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "intValue":
        return _number(inner)
    return inner if kind in ("stringValue", "doubleValue", "boolValue") else json.dumps(inner)


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))
