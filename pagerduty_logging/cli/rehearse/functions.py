"""What a source file says about a line: the function, as in `%(funcName)s`, and overrides."""

from __future__ import annotations

import ast
import sys
import tokenize
from functools import lru_cache

MODULE = "<module>"


def function_at(path: str, line: int) -> str:
    """Return the innermost function around a line; "" if the file is not at hand.

    Args:
        path: the source file.
        line: the line; the first is 1.
    """
    around = [span for span in _functions(path) if span[0] <= line <= span[1]]
    return min(around, key=lambda span: span[1] - span[0])[2] if around else ""


def overrides_at(path: str, line: int) -> bool:
    """Return whether the call at a line has `extra={"pagerduty": ...}`, which a text log does not show."""
    tree = _tree(path)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call)) if tree else ()
    return any(
        keyword.arg == "extra" and _names_us(keyword.value)
        for call in calls
        if call.lineno <= line <= (call.end_lineno or call.lineno)
        for keyword in call.keywords
    )


def _names_us(extra: ast.expr) -> bool:
    return any(isinstance(node, ast.Constant) and node.value == "pagerduty" for node in ast.walk(extra))


@lru_cache(maxsize=100)
def _tree(path: str) -> ast.Module | None:
    try:
        with tokenize.open(path) as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=1_000)
def _functions(path: str) -> tuple[tuple[int, int, str], ...]:
    """Return first line, last line and name of everything that has a frame of its own."""
    tree = _tree(path)
    if tree is None:
        return ()
    found = [(1, sys.maxsize, MODULE)] if tree.body else []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append((node.lineno, node.end_lineno or node.lineno, node.name))
        elif isinstance(node, ast.Lambda):
            found.append((node.lineno, node.end_lineno or node.lineno, "<lambda>"))
    return tuple(found)
