"""The files that a record passes on the thread that logs, from `handle` to the inbox: few, in one line."""

from __future__ import annotations

import ast
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

import pagerduty_logging
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.delivery.diagnostics import notices
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox

PACKAGE = f"{Path(pagerduty_logging.__file__).parent}/"


class Way(NamedTuple):
    """The package's files that were entered, in their order, each as often as it was come to anew."""

    stays: list[str]

    @property
    def files(self) -> set[str]:
        return set(self.stays)

    @property
    def returns(self) -> int:
        return len(self.stays) - len(self.files)


def way_of(call: Callable[[], None]) -> Way:
    stays: list[str] = []

    def note(frame: FrameType, event: str, arg: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(PACKAGE) and stays[-1:] != [path.removeprefix(PACKAGE)]:
            stays.append(path.removeprefix(PACKAGE))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return Way(stays)


@pytest.fixture
def logger(sandbox: Sandbox) -> Iterator[logging.Logger]:
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=sandbox.url)
    logger = logging.getLogger("shop.way_of_a_record")
    logger.addHandler(handler)
    logger.error("the first of all, with which the worker begins")
    assert handler.flush(30.0)
    notices.clear()  # for which every record is searched, where there are any
    yield logger
    handler.flush(30.0)
    logger.removeHandler(handler)
    handler.close()


def raised() -> ValueError:
    try:
        raise ValueError("no such payment")
    except ValueError as error:
        return error


def test_a_first_record_passes_fourteen_files(logger: logging.Logger) -> None:
    way = way_of(lambda: logger.error("payment %s failed", 17))
    assert (way.stays[0], way.stays[-1]) == ("pager.py", "delivery/worker.py")
    assert len(way.files) <= 14, sorted(way.files)
    assert way.returns <= 7, way.stays


def test_a_first_record_with_an_exception_passes_few_more(logger: logging.Logger) -> None:
    error = raised()
    way = way_of(lambda: logger.error("payment %s failed", 17, exc_info=error))
    assert len(way.files) <= 21, sorted(way.files)
    assert way.returns <= 14, way.stays


def test_a_repeat_passes_one_file(logger: logging.Logger) -> None:
    (handler,) = logger.handlers
    for number in range(3):
        logger.error("payment %s failed", number)
        assert isinstance(handler, PagerDutyHandler)
        assert handler.flush(30.0)
    assert way_of(lambda: logger.error("payment %s failed", 17)).stays == ["pager.py"]


def test_a_repeat_of_an_f_string_passes_few(logger: logging.Logger) -> None:
    (handler,) = logger.handlers
    ways = []
    for number in range(4):
        ways.append(way_of(lambda number=number: logger.error(f"payment {number} failed")))  # type: ignore[misc]
        assert isinstance(handler, PagerDutyHandler)
        assert handler.flush(30.0)
    assert len(ways[-1].files) <= 4


# --- the same, read from the source: every branch, and not only what one record runs ----------------

ROOMS_ON_THE_WAY = ("pager.py", "pipeline.py", "record/", "fingerprinting/", "page/", "delivery/", "state/")
OF_HANDLERS = {"emit", "filter", "format", "handle"}
"""Methods that every handler and formatter has: of these only `self`'s are followed."""


class Taker(NamedTuple):
    """A function that takes a log record."""

    file: str
    node: ast.FunctionDef
    names: set[str]
    """Its parameters that are one."""


def mentions_record(annotation: ast.expr | None) -> bool:
    return annotation is not None and "LogRecord" in ast.unparse(annotation)


def takers() -> dict[str, list[Taker]]:
    """Return all functions on the way that take a log record, by name."""
    found: dict[str, list[Taker]] = {}
    for path in sorted(Path(PACKAGE).rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        if not file.startswith(ROOMS_ON_THE_WAY):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = {
                    a.arg for a in (*node.args.args, *node.args.kwonlyargs) if mentions_record(a.annotation)
                }
                if names:
                    found.setdefault(node.name, []).append(Taker(file, node, names))
    return found


def handed_on(taker: Taker, known: dict[str, list[Taker]]) -> Iterator[Taker]:
    """Yield the functions that a function hands its record to, or a copy of it."""
    names = set(taker.names)
    for node in ast.walk(taker.node):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            called = value.func if isinstance(value, ast.Call) else None
            makers = known.get(getattr(called, "attr", getattr(called, "id", "")), [])
            if (isinstance(value, ast.Name) and value.id in names) or any(
                mentions_record(maker.node.returns) for maker in makers
            ):
                names.add(node.targets[0].id)
    for node in ast.walk(taker.node):
        if not isinstance(node, ast.Call):
            continue
        given = (*node.args, *(keyword.value for keyword in node.keywords))
        if not any(isinstance(value, ast.Name) and value.id in names for value in given):
            continue
        own = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "self"
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for candidate in known.get(name, []):
            if candidate.file == taker.file or not (own or name in OF_HANDLERS or name.startswith("_")):
                yield candidate


def test_fourteen_files_take_the_log_record_itself() -> None:
    known = takers()
    (begin,) = (taker for taker in known["handle"] if taker.file == "pager.py")
    entered, left = {begin.file: {begin.node.name}}, [begin]
    while left:
        for taker in handed_on(left.pop(), known):
            names = entered.setdefault(taker.file, set())
            if taker.node.name not in names:
                names.add(taker.node.name)
                left.append(taker)
    assert len(entered) <= 14, {file: sorted(names) for file, names in entered.items()}
    assert {"record/occurrence.py", "fingerprinting/__init__.py"} <= set(entered)


# --- the guide names what there is ------------------------------------------------------------------

GUIDE = Path(PACKAGE, "README.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)`(?:: (?P<names>`[\w.]+`(?:, `[\w.]+`)*))?")


def defined_in(file: str) -> set[str]:
    tree = ast.parse(Path(PACKAGE, file).read_text(encoding="utf-8"))
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return {node.name for node in nodes}


def test_every_file_and_name_in_the_guide_exists() -> None:
    found = [found for found in NAMED.finditer(GUIDE) if not found["file"].startswith("tests/")]
    assert len(found) >= 30
    for one in found:
        names = re.findall(r"[\w.]+", one["names"] or "")
        assert {name.rpartition(".")[2] for name in names} <= defined_in(one["file"]), one[0]


def test_every_method_in_the_guide_is_one_of_its_class() -> None:
    methods = set(re.findall(r"`([A-Z]\w+\.\w+)`", GUIDE))
    assert methods
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(PACKAGE).rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    defined = {
        f"{cls.name}.{name}"
        for cls in classes
        for node in ast.walk(cls)
        for name in [getattr(node, "name", None) or getattr(node, "attr", None)]
        if name
    }
    assert methods <= defined, methods - defined
