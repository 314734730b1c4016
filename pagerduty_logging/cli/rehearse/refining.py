"""What takes the fields of some formats further apart, and reads levels of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pagerduty_logging.cli.rehearse import levels
from pagerduty_logging.cli.rehearse.format import Said

_OWN_LOGGER = re.compile(
    r"\[?(?P<logger>[A-Za-z_][\w.$-]*)\]?(?:(?::\d+)?:| -(?= )|(?: +)?\||(?<=\])) ?(?=\S)"
)
_DOTTED = re.compile(r"(?P<logger>[A-Za-z_]\w*(?:\.\w+)+) +(?=\S)")
_IN_BRACKETS = re.compile(r"(?:\[[^\]]*\]|\([^)]*\)) *")


def find_logger(said: Said) -> None:
    """Find the logger's name at the beginning of the message, if the line has none elsewhere."""
    if said.get("logger"):
        return
    text = said["message"]
    found = _OWN_LOGGER.match(text) or _DOTTED.match(text)
    if found is None and (around := _IN_BRACKETS.match(text)):
        found = _OWN_LOGGER.match(text, around.end()) or _DOTTED.match(text, around.end())
    if found is not None and levels.of_word(found["logger"]) is None:
        said["logger"], said["message"] = found["logger"], text[found.end() :]


_AFTER_EVENT = re.compile(r"(?<! ) +(?:\[(?P<logger>[\w.-]+)\](?= |$)|(?=[A-Za-z_][\w.]{0,80}=))")


def structlog(said: Said) -> None:
    text = said["message"]
    end = _AFTER_EVENT.search(text)
    if end is not None:
        said["message"] = text[: end.start()]
        said["logger"] = end["logger"] or said.get("logger", "")


def find_java_logger(said: Said) -> None:
    text = said["message"]
    found = _JAVA_LOGGER.match(text)
    if found is not None:
        said["logger"], said["message"] = found["logger"], text[found.end() :]


_JAVA_LOGGER = re.compile(r"\[?(?P<logger>#?[\w.$]+)\]? +[-:] +")


def prefer_dotted(said: Said) -> None:
    """Take a class for the logger, where what stands at its place is a thread's name."""
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
