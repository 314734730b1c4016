"""Texts on which a pattern that can take quadratic time does, made from the pattern itself.

A pattern is slow where its beginning is found again and again and each find reads far before it fails.
So each alternative of a pattern is written out as one text that it matches, each prefix of that text is
repeated, and behind it stands each kind of ending on which a match fails.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pagerduty_logging

# The parser of `re` has no public name before 3.11's private one, and no other way to see alternatives.
from re import _constants as codes, _parser as parser  # type: ignore[attr-defined]  # isort: skip

TAILS = ("", "\n", "!", "'", " =x")
MAX_TEXTS = 40
"""Texts of one alternative, and alternatives of one part: products of alternatives have no end."""


def compiled_patterns() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Yield each pattern that a module of the package keeps, by name, with the method it is used by."""
    paths = {
        found.name: Path(str(importlib.util.find_spec(found.name).origin))  # type: ignore[union-attr]
        for found in pkgutil.walk_packages(pagerduty_logging.__path__, "pagerduty_logging.")
        if not found.name.endswith("__main__") and ".integrations" not in found.name
    }
    anywhere: dict[str, set[str]] = {}
    for path in paths.values():
        for name, methods in _methods(path).items():
            anywhere.setdefault(name, set()).update(methods)
    seen: set[tuple[int, str]] = set()
    for module_name, path in paths.items():
        if "re.compile(" not in path.read_text("utf-8"):
            continue
        used = _methods(path)
        for name, value in vars(importlib.import_module(module_name)).items():
            for pattern in _patterns_in(value):
                for method in sorted(used.get(name) or anywhere.get(name) or {"sub"}):
                    if (id(pattern), method) not in seen:
                        seen.add((id(pattern), method))
                        yield f"{module_name}.{name}", pattern, method


def _patterns_in(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list, frozenset)):
        for item in value:
            yield from _patterns_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _patterns_in(item)


def _methods(path: Path) -> dict[str, set[str]]:
    """Return by which method a module uses each of its names: `fullmatch` need not be fast as a `search`.

    What a loop takes out of a tuple is used as the loop's own name is.
    """
    used: dict[str, set[str]] = {}
    taken_from: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name):
            names = (inner for inner in ast.walk(node.target) if isinstance(inner, ast.Name))
            taken_from += [(node.iter.id, name.id) for name in names]
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in ("match", "fullmatch", "search", "sub", "subn", "finditer", "findall", "split")
        ):
            method = node.attr if node.attr in ("match", "fullmatch") else "sub"
            used.setdefault(node.value.id, set()).add(method)
    for all_of_them, each in taken_from:
        if each in used:
            used.setdefault(all_of_them, set()).update(used[each])
    return used


def witnesses(pattern: re.Pattern[Any]) -> set[str]:
    """Return texts that follow the alternatives of `pattern`, each at least once."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    return {text for text in _written(tree, {}) if text}


def _written(tree: Any, groups: dict[int, str]) -> list[str]:
    parts = [_options(code, argument, groups) for code, argument in tree]
    if not parts:
        return [""]
    # Each alternative of each part once, with the first of all the others; not their product.
    texts = []
    for index, options in enumerate(parts):
        for option in options[:MAX_TEXTS]:
            texts.append("".join(option if i == index else other[0] for i, other in enumerate(parts)))
    return list(dict.fromkeys(texts))[: 4 * MAX_TEXTS]


def _options(code: Any, argument: Any, groups: dict[int, str]) -> list[str]:
    match str(code):
        case "LITERAL":
            return [chr(argument)]
        case "NOT_LITERAL":
            return ["a" if argument != ord("a") else "b"]
        case "ANY":
            return ["a"]
        case "IN":
            return _members(argument)
        case "BRANCH":
            return [text for branch in argument[1] for text in _written(branch, groups)]
        case "SUBPATTERN":
            texts = _written(argument[3], groups)
            if argument[0] is not None:
                groups[argument[0]] = texts[0]
            return texts
        case "ATOMIC_GROUP":
            return _written(argument, groups)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            texts = _written(inner, groups)
            times = max(least, 1) if most else 0
            more = min(int(most), times + 2)
            return [text * times for text in texts] + [texts[0] * more] + ([""] if not least else [])
        case "GROUPREF":
            return [groups.get(argument, "")]
        case "GROUPREF_EXISTS":
            return _written(argument[1], groups)
        case _:  # positions, and what must or must not stand around: no characters of their own
            return [""]


def _members(members: list[tuple[Any, Any]]) -> list[str]:
    characters = [_member(code, argument) for code, argument in members]
    if str(members[0][0]) == "NEGATE":
        refused = re.compile("[" + "".join(map(_written_member, members[1:])) + "]")
        return [next(c for c in "a0 -é~\n<(" if not refused.match(c))]
    return [character for character in characters if character][:6]


def _member(code: Any, argument: Any) -> str:
    match str(code):
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            return chr(argument[0])
        case "CATEGORY":
            return {
                codes.CATEGORY_DIGIT: "0",
                codes.CATEGORY_SPACE: " ",
                codes.CATEGORY_WORD: "a",
                codes.CATEGORY_NOT_DIGIT: "a",
                codes.CATEGORY_NOT_SPACE: "a",
                codes.CATEGORY_NOT_WORD: "-",
            }[argument]
        case _:
            return ""


def _written_member(member: tuple[Any, Any]) -> str:
    code, argument = member
    match str(code):
        case "LITERAL":
            return re.escape(chr(argument))
        case "RANGE":
            return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
        case _:
            return {
                codes.CATEGORY_DIGIT: r"\d",
                codes.CATEGORY_SPACE: r"\s",
                codes.CATEGORY_WORD: r"\w",
                codes.CATEGORY_NOT_DIGIT: r"\D",
                codes.CATEGORY_NOT_SPACE: r"\S",
                codes.CATEGORY_NOT_WORD: r"\W",
            }[argument]


def pieces(pattern: re.Pattern[Any]) -> list[str]:
    """Return what is to be repeated: prefixes of each text that `pattern` matches, and its parts."""
    found: dict[str, None] = {}
    for text in sorted(witnesses(pattern), key=len):
        short = text[:120]
        for end in (*range(1, min(9, len(short))), *range(9, len(short), 5), len(short)):
            found[short[:end]] = None
        for part in itertools.islice(re.split(r"(?<=\w)(?=\W)|(?<=\W)(?=\w)", short), 4):
            found[part] = None
    found.pop("", None)
    return list(found)


def seconds(pattern: re.Pattern[Any], method: str, text: Any) -> float:
    """Return how long this thread computes to look through `text`."""
    began = time.thread_time()
    if method == "sub":
        pattern.sub("" if isinstance(pattern.pattern, str) else b"", text)
    else:
        getattr(pattern, method)(text)
    return time.thread_time() - began


def best(pattern: re.Pattern[Any], method: str, text: Any, times: int = 5) -> float:
    """Return the least of several measurements: whatever else runs only adds to them."""
    return min(seconds(pattern, method, text) for _ in range(times))
