"""Patterns that are compiled late are what `re.compile` would have made."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from pagerduty_logging.events_api.late_pattern import compile_all, late


@pytest.mark.parametrize("prepare", [compile_all, lambda: None])
def test_a_late_pattern_does_what_a_compiled_one_does(prepare: object) -> None:
    made, known = late("(?P<n>A+)", re.IGNORECASE), re.compile("(?P<n>A+)", re.IGNORECASE)
    assert callable(prepare)
    prepare()
    assert made.pattern == known.pattern
    assert made.sub(r"<\g<n>>", "baab") == known.sub(r"<\g<n>>", "baab") == "b<aa>b"
    found = made.search("baab")
    assert found is not None
    assert found["n"] == "aa"
    assert made.fullmatch("b") is None
    assert made.findall("aba") == ["a", "a"]


def test_a_wrong_pattern_is_reported_where_it_is_used_and_again() -> None:
    made = late("(")
    for _ in range(2):
        with pytest.raises(re.error):
            made.search("")
    made.__init__("x", 0)  # type: ignore[misc]  # or it would be reported wherever all are compiled
    compile_all()


@pytest.mark.parametrize("step", range(8))
def test_another_thread_may_compile_them_at_any_step(step: int) -> None:
    made, lines = [late("a"), late("b")], itertools.count()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is compile_all.__code__ and event == "line" and next(lines) == step:
            with ThreadPoolExecutor(1) as other:
                other.submit(compile_all).result(60)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        compile_all()
    finally:
        sys.settrace(before)
    assert all("search" in vars(one) for one in made)


def test_importing_the_handler_compiles_none_of_them() -> None:
    program = (
        "import logging, pagerduty_logging.handler\n"
        "from pagerduty_logging.events_api import late_pattern as late\n"
        "print(len(late._waiting), sum('search' in vars(one) for one in late._waiting))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    waiting, compiled = map(int, said.stdout.split())
    assert waiting > 50
    assert compiled == 0
