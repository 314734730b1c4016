"""What stands at a line of source: a call that logs, one that might, or nothing of the kind."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass
from typing import Final

_METHODS: Final = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log")
LOGGING_METHODS: Final = frozenset(
    (*_METHODS, *(f"a{name}" for name in _METHODS), "success", "trace", "notice")
)
"""Methods that log: of the standard library's loggers, of structlog's and of loguru's."""
_OTHER_RECEIVERS: Final = frozenset(("math", "messages", "np", "numpy", "parser", "warnings"))
"""Names whose methods are called like those of a logger, and log nothing."""
_OTHER_FUNCTIONS: Final = frozenset(("append", "execute", "exit", "extend", "print", "write", "writelines"))
"""Names of functions that take a text and log nothing."""


class Logs(enum.Enum):
    """Whether a line logs."""

    YES = "it calls a method of a logger"
    MAYBE = "it calls something that may log in its name, with `stacklevel`"
    NO = "nothing is logged there"
    UNKNOWN = "the file cannot be parsed"


@dataclass(frozen=True, slots=True)
class CallSite:
    """What stands at a line.

    Attributes:
        logs: whether the line logs.
        passes_text: whether the call logs one value that is not a literal and nothing else, so that the
            message alone makes the key.
    """

    logs: Logs
    passes_text: bool = False


def call_site(source: str | bytes, line: int) -> CallSite:
    """Return what stands at a line, counted from one, of a Python file's text."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return CallSite(Logs.UNKNOWN)
    calls = [node for node in _at(tree, line) if isinstance(node, ast.Call)]
    for call in calls:
        if _is_logging(call):
            return CallSite(Logs.YES, _passes_text(call))
    if any(_is_statement_of_a_call(node) for node in _at(tree, line)):
        return CallSite(Logs.MAYBE)
    return CallSite(Logs.NO)


def _at(tree: ast.Module, line: int) -> list[ast.AST]:
    """Return the nodes that stand at a line, but not the functions and classes around it."""
    return [
        node
        for node in ast.walk(tree)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)
        and getattr(node, "lineno", line + 1) <= line <= (getattr(node, "end_lineno", None) or 0)
    ]


def _is_logging(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute) and function.attr in LOGGING_METHODS and not _logs_nothing(call)
    )


def _is_statement_of_a_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Expr):
        return False
    value = node.value.value if isinstance(node.value, ast.Await) else node.value
    return isinstance(value, ast.Call) and not _logs_nothing(value)


def _logs_nothing(call: ast.Call) -> bool:
    """Whether a call is known by its name to log nothing."""
    match call.func:
        case ast.Name(id=name):
            return name in _OTHER_FUNCTIONS
        case ast.Attribute(value=ast.Name(id=receiver), attr=name):
            return name in _OTHER_FUNCTIONS or receiver in _OTHER_RECEIVERS
        case ast.Attribute(attr=name):
            return name in _OTHER_FUNCTIONS
    return False


def _passes_text(call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    message = call.args[call.func.attr in ("log", "alog") :]
    return (
        call.func.attr not in ("exception", "aexception")
        and len(message) == 1
        and not isinstance(message[0], ast.Constant | ast.JoinedStr | ast.Starred)
        and not any(keyword.arg in (None, "exc_info") for keyword in call.keywords)
    )
