"""Splits the fields of some formats further, and reads their own levels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pagerduty_logging.cli.rehearse import levels
from pagerduty_logging.cli.rehearse.format import Fields

_NAME = r"[A-Za-z_][\w.$-]{0,100}"
_FILE = r"(?P<path>[\w./\\-]{1,200}\.(?:pyx?|cc?|cpp|go|rs|js|ts)):(?P<line>\d{1,7})"
_PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"[\[(]?{_FILE}[\])]?(?: *(?:--?|[:|]))? +(?=\S)",
        rf"(?P<logger>{_NAME}) +[\[(]?{_FILE}[\])]?:? +(?=\S)",
        rf"\[?(?P<logger>{_NAME})(?: *: *(?P<line>\d{{1,7}}))?\](?:\[[^\]]{{0,60}}\])? *(?:[:-] +)?(?=\S)",
        rf"(?P<logger>{_NAME})(?::(?P<function>[\w<>.]{{1,100}}))?:(?P<line>\d{{1,7}})"
        r"(?:\]| *[|:] *| +- +)(?=\S)",
        rf"(?P<logger>{_NAME})(?:: ?| -(?= )| *[|;] ?|\t) ?(?=\S)",
        r"(?P<logger>[A-Za-z_]\w{0,60}(?:\.\w{1,60}){1,9})(?::(?P<line>\d{1,7}))? +(?=\S)",
    )
)
"""Logger and place, where messages begin with them."""
_RAISED = re.compile(r"(?:Error|Exception|Warning|Exit|Interrupt)$")
_IN_BRACKETS = re.compile(r"(?:\[[^\]]*\]|\([^)]*\)) *")


def find_logger(said: Fields) -> None:
    """Find the logger, or the file, at the beginning of the message, if the line names none before it."""
    if said.get("logger"):
        return
    text = said["message"]
    found = _place(text, 0)
    if found is None and (around := _IN_BRACKETS.match(text)):
        found = _place(text, around.end())
    if found is not None:
        said.update((name, value) for name, value in found.groupdict().items() if value)
        said["message"] = text[found.end() :]


def _place(text: str, begin: int) -> re.Match[str] | None:
    for pattern in _PLACES:
        found = pattern.match(text, begin)
        name = None if found is None else found.groupdict().get("logger") or ""
        if name is not None and levels.of_word(name or " ") is None and not _RAISED.search(name):
            return found
    return None


_ONE_FIELD = re.compile(r"[\[(]([^\])]{0,200})[\])]|([^\s|;,/\[(]+)")
_LOGGER = re.compile(rf"(?P<logger>{_NAME})(?: *:(?P<line>\d{{1,7}}))?[:-]*$")
_THREAD = re.compile(r"(?:Main|Dummy|Thread|Process|Worker|ForkPool|waitress|main|PID\b)[\w-]*$|.*-\d+$")


def logger_of_fields(said: Fields) -> None:
    """Find the logger among the fields before the level: a dotted name, or the last that is no thread's."""
    names = []
    for field in _ONE_FIELD.finditer(said.pop("fields", "")):
        text = (field[1] if field[1] is not None else field[2]).strip()
        found = _LOGGER.match(text)
        if found is not None and not _THREAD.match(found["logger"]):
            names.append(found)
    dotted = [found for found in names if "." in found["logger"]]
    if not dotted:
        find_logger(said)
    if not said.get("logger") and names:
        best = (dotted or names)[-1]
        said.update((name, value) for name, value in best.groupdict().items() if value)


_AFTER_EVENT = re.compile(r"(?<! ) +(?:\[(?P<logger>[\w.-]+)\](?= |$)|(?=[A-Za-z_][\w.]{0,80}=))")


def structlog(said: Fields) -> None:
    text = said["message"]
    end = _AFTER_EVENT.search(text)
    if end is not None:
        text = text[: end.start()]
        said["logger"] = end["logger"] or said.get("logger", "")
    said["message"] = text.rstrip()


_ABSL_CRITICAL = "CRITICAL - "


def absl(said: Fields) -> None:
    """Read the level from the message: absl writes `critical` as an error, and its name into the message."""
    if said["level"] == "E" and said["message"].startswith(_ABSL_CRITICAL):
        said["level"] = "C"
        said["message"] = said["message"].removeprefix(_ABSL_CRITICAL)


def find_java_logger(said: Fields) -> None:
    text = said["message"]
    found = _JAVA_LOGGER.match(text)
    if found is not None:
        said["logger"], said["message"] = found["logger"], text[found.end() :]


_JAVA_LOGGER = re.compile(r"\[?(?P<logger>#?[\w.$]+)\]? +[-:] +")


def prefer_dotted(said: Fields) -> None:
    """Use a class as the logger, if the name in the logger's place is a thread's."""
    if (
        "." not in said["logger"]
        and (found := _JAVA_LOGGER.match(said["message"]))
        and "." in found["logger"]
    ):
        said["logger"], said["message"] = found["logger"], said["message"][found.end() :]


def answer_level(word: str) -> int | None:
    """Return the level by which Django's development server logs an answer."""
    if word[:1] == "5":
        return 40
    return 30 if word[:1] == "4" else 20


def letters(mapping: Mapping[str, int]) -> Callable[[str], int | None]:
    return mapping.get


def postgres_level(word: str) -> int | None:
    return 10 if word.startswith("DEBUG") else levels.of_word(word)
