"""The function that a line of a source file is in, as `%(funcName)s` would have said it."""

from __future__ import annotations

import ast
import tokenize
from functools import lru_cache

MODULE = "<module>"


def function_at(path: str, line: int) -> str:
    """Return the innermost function around a line; "" if the file is not at hand.

    Args:
        path: of the source file.
        line: counted from one.
    """
    around = [span for span in _functions(path) if span[0] <= line <= span[1]]
    return min(around, key=lambda span: span[1] - span[0])[2] if around else ""


@lru_cache(maxsize=1_000)
def _functions(path: str) -> tuple[tuple[int, int, str], ...]:
    """Return the first and the last line of whatever has a frame of its own, and its name."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = [(1, text.count("\n") + 1, MODULE)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append((node.lineno, node.end_lineno or node.lineno, node.name))
        elif isinstance(node, ast.Lambda):
            found.append((node.lineno, node.end_lineno or node.lineno, "<lambda>"))
    return tuple(found)
