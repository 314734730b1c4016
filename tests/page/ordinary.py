"""Ordinary messages: texts with which the standard library and installed packages raise exceptions."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from pagerduty_logging.page.redaction import Redactor

PLACES = ("stdlib", "purelib")
SKIPPED = ("test", "tests", "testing", "idlelib", "pip", "site-packages")
FILLERS = ("orders", "17", "db1.example.com", "[1, 2]", "None", "'name'")
"""What stands for the values in a template, by turns."""


def messages(limit: int = 3_500) -> list[str]:
    """Return up to `limit` different texts, their holes filled, in an order that does not change."""
    found: dict[str, None] = {}
    for place in PLACES:
        root = Path(sysconfig.get_path(place))
        for path in sorted(root.rglob("*.py")):
            if not any(part in SKIPPED for part in path.relative_to(root).parts):
                found.update(dict.fromkeys(_raised(path)))
            if len(found) >= limit:
                return list(found)[:limit]
    return list(found)


def _raised(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            text = _text(node.exc.args[0])
            if text.count(" ") >= 2:
                yield text


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(
                str(part.value) if isinstance(part, ast.Constant) else FILLERS[index % len(FILLERS)]
                for index, part in enumerate(values)
            )
        case ast.BinOp(left=left, op=ast.Mod()):
            return _filled(_text(left))
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            return _text(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + (_text(right) or FILLERS[0])
    return ""


def _filled(template: str) -> str:
    for index, hole in enumerate(("%s", "%r", "%d", "%i")):
        template = template.replace(hole, FILLERS[index % len(FILLERS)])
    return template


def alarms(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return the texts of `lines` that redaction changes, with what it makes of them."""
    redactor = Redactor()
    return [(line, shown) for line in lines if (shown := redactor.text(line)) != line]


def main() -> None:
    """Print how many lines of the log files named as arguments are changed, and each that is."""
    for name in sys.argv[1:]:
        lines = Path(name).read_text("utf-8", "replace").splitlines()
        found = alarms(lines)
        print(f"{name}: {len(found)} of {len(lines)}")
        for line, shown in found:
            print(f"  {line[:160]}\n  {shown[:160]}")


if __name__ == "__main__":
    main()
