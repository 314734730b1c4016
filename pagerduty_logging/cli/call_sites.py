"""What is at a line of source: a call that logs, one that may log, or neither."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass
from typing import Final

_METHODS: Final = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log")
LOGGING_METHODS: Final = frozenset(
    (*_METHODS, *(f"a{name}" for name in _METHODS), "success", "trace", "notice")
)
"""Methods that log, of loggers of the standard library, structlog and loguru."""
_BELOW_ERROR: Final = frozenset(
    ("debug", "info", "warning", "warn", "adebug", "ainfo", "awarning", "awarn", "success", "trace", "notice")
)
_OTHER_RECEIVERS: Final = frozenset(("math", "messages", "np", "numpy", "parser", "warnings"))
"""Names of objects whose methods have the same names as a logger's, and log nothing."""
_OTHER_FUNCTIONS: Final = frozenset(("append", "execute", "exit", "extend", "print", "write", "writelines"))
"""Functions that take a text and log nothing."""


class Logs(enum.Enum):
    """Whether a line logs."""

    YES = "it calls a method of a logger"
    MAYBE = "it calls a function that may log with `stacklevel`"
    NO = "nothing is logged there"
    UNKNOWN = "the file cannot be parsed"


@dataclass(frozen=True, slots=True)
class CallSite:
    """What is at a line.

    Attributes:
        logs: whether the line logs.
        calls: the calls that log; if some log at ERROR or above, only these.
        function: the name of the function around the line, as its records have it.
        tree: the whole file, parsed; None: it cannot be parsed.
    """

    logs: Logs
    calls: tuple[ast.Call, ...] = ()
    function: str | None = None
    tree: ast.Module | None = None

    @property
    def passes_text(self) -> bool:
        """Whether a call logs a single value that is not a literal.

        The key is made of the message alone then.
        """
        return any(map(_passes_text, self.calls))


def call_site(source: str | bytes, line: int) -> CallSite:
    """Return what is at a line (the first is 1) of the text of a Python file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return CallSite(Logs.UNKNOWN)
    function = _function_around(tree, line)
    nodes = _at(tree, line)
    calls = [node for node in nodes if isinstance(node, ast.Call) and _is_logging(node)]
    if calls:
        calls = [call for call in calls if line_of(call) == line] or calls
        calls = [call for call in calls if method_of(call) not in _BELOW_ERROR] or calls
        calls.sort(key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))
        return CallSite(Logs.YES, tuple(calls), function, tree)
    logs = Logs.MAYBE if any(map(_is_statement_of_a_call, nodes)) else Logs.NO
    return CallSite(logs, (), function, tree)


def line_of(call: ast.Call) -> int:
    """Return the line that the records of a call have: that of the method's name."""
    return (isinstance(call.func, ast.Attribute) and call.func.end_lineno) or call.lineno


def method_of(call: ast.Call) -> str:
    """Return the name of the method that is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def message_of(call: ast.Call) -> tuple[ast.expr | None, list[ast.expr]]:
    """Return the message that a call logs, and the values that fill it; None: the source does not show it."""
    given = call.args[method_of(call) in ("log", "alog") :]
    if any(isinstance(argument, ast.Starred) for argument in call.args[: len(call.args) - len(given) + 1]):
        return None, []
    if given:
        return given[0], given[1:]
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    return named.get("msg") or named.get("event") or named.get("message"), []


def brings_an_exception(call: ast.Call) -> bool:
    """Return whether a call logs an exception, or may do so."""
    return method_of(call) in ("exception", "aexception") or any(
        keyword.arg is None
        or (
            keyword.arg == "exc_info"
            and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        )
        for keyword in call.keywords
    )


def _at(tree: ast.Module, line: int) -> list[ast.AST]:
    """Return the nodes at a line, without the functions and classes around it."""
    return [
        node
        for node in ast.walk(tree)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)
        and _covers(node, line)
    ]


def _covers(node: ast.AST, line: int) -> bool:
    return getattr(node, "lineno", line + 1) <= line <= (getattr(node, "end_lineno", None) or 0)


def _function_around(tree: ast.Module, line: int) -> str:
    """Return the name of the function around a line, as records have it; a class body has a name too."""
    name, body = "<module>", tree.body
    while True:
        statement = next((node for node in body if _covers(node, line)), None)
        inner = [
            node
            for node in ast.walk(statement or ast.Pass())
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and any(_covers(one, line) for one in node.body)
        ]
        if not inner:
            return name
        name, body = inner[0].name, inner[0].body


def _is_logging(call: ast.Call) -> bool:
    return method_of(call) in LOGGING_METHODS and not _logs_nothing(call)


def _is_statement_of_a_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Expr):
        return False
    value = node.value.value if isinstance(node.value, ast.Await) else node.value
    return isinstance(value, ast.Call) and not _logs_nothing(value)


def _logs_nothing(call: ast.Call) -> bool:
    """Whether the name of a call says that it logs nothing."""
    match call.func:
        case ast.Name(id=name):
            return name in _OTHER_FUNCTIONS
        case ast.Attribute(value=ast.Name(id=receiver), attr=name):
            return name in _OTHER_FUNCTIONS or receiver in _OTHER_RECEIVERS
        case ast.Attribute(attr=name):
            return name in _OTHER_FUNCTIONS
    return False


def _passes_text(call: ast.Call) -> bool:
    message, values = message_of(call)
    return (
        message is not None
        and not values
        and not isinstance(message, ast.Constant | ast.JoinedStr)
        and not brings_an_exception(call)
    )
