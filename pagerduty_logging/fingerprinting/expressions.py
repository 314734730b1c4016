"""The ways in which the calls in a line of source can build a text.

Only syntax is read; nothing is imported or run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import Formatter
from typing import Final, TypeAlias, TypeGuard, cast

from pagerduty_logging.record.structured import MAX_ENTRIES, NO_WORDS, rank_of

from .masking import says_nothing

MAX_PARSED_CHARS: Final = 250_000
"""What may be parsed for one call site, at about 0.5 ms per 1,000 characters."""

_MAX_CALLS: Final = 64
_MAX_VARIANTS: Final = 16
_MAX_DEPTH: Final = 40
_MAX_NAMES: Final = 3
_LEAST_LETTERS: Final = 6
"""Letters of a template that is looked for within a longer text."""

HOLE: Final = "{}"
"""What stands for an interpolated value in a template read from the source."""

PERCENT: Final = re.compile(
    r"%(?:\([^)]{0,200}\))?[#0 +-]*+(?:\*|[0-9]++)?(?:\.(?:\*|[0-9]++))?[hlL]?([diouxXeEfFgGcrsa%])",
    re.ASCII,
)

_Pieces: TypeAlias = tuple[str, ...]  # the literals; a hole is between each two
OPAQUE: Final[_Pieces] = ("", "")


class _Text(ast.Constant):
    value: str


_DEF = re.compile(r"\s*(?:async\s+def|def)\b")
_FRESH_START = re.compile(r"(?:async\s+def|def|class|if\s+__name__)\b|@")
_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b|[)\]}]|#|$")
_PARSED_AS: Final = "<pagerduty_logging source line>"


@dataclass(frozen=True, slots=True)
class Template:
    """One way a call site can build its message."""

    text: str
    pieces: _Pieces
    bare: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bare", says_nothing("".join(self.pieces)))

    def fits(self, message: str) -> bool:
        """Whether MESSAGE holds the literal pieces in order, first and last at its ends."""
        pieces = self.pieces
        if len(pieces) == 1:
            return message == pieces[0]
        first, last = pieces[0], pieces[-1]
        end = len(message) - len(last)
        at = len(first)
        if at > end or not message.startswith(first) or not message.endswith(last):
            return False
        if len(pieces) == 2:
            return True
        for piece in pieces[1:-1]:
            at = message.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    def is_in(self, message: str) -> bool:
        """Whether MESSAGE holds the literal pieces in order, words before and after them."""
        first, *others = self.pieces
        if sum(map(str.isalpha, "".join(self.pieces))) < _LEAST_LETTERS or not first.strip():
            return False
        at = message.find(first)
        if at < 0 or (first[0].isalnum() and message[at - 1 : at].isalnum() and at > 0):
            return False
        at += len(first)
        for piece in others:
            at = message.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return not (message[at - 1 : at].isalnum() and message[at : at + 1].isalnum())

    def values_in(self, message: str) -> tuple[str, ...]:
        """Return what stands in the holes of a MESSAGE that fits."""
        values = []
        at = len(self.pieces[0])
        for piece in self.pieces[1:-1]:
            end = message.find(piece, at) if piece else at
            values.append(message[at:end])
            at = end + len(piece)
        return (*values, message[at : len(message) - len(self.pieces[-1])])


def percent_pieces(template: str) -> _Pieces:
    """Return the literal pieces of a %-style TEMPLATE."""
    pieces, at, literal = [], 0, ""
    for spec in PERCENT.finditer(template):
        literal += template[at : spec.start()]
        at = spec.end()
        if spec[1] == "%":
            literal += "%"
        else:
            pieces.append(literal)
            literal = ""
    return (*pieces, literal + template[at:])


def templates_in(lines: list[str], lineno: int) -> list[Template]:
    """Return the templates of the calls that LINENO is part of, the likeliest first."""
    found: list[tuple[tuple[int, int, int], Template]] = []
    parsed = _parsed_around(lines, lineno)
    if parsed is None:
        return []
    tree, offset = parsed
    line = lineno + offset
    scopes = _Scopes(tree, lines)
    for call in _calls(tree, line):
        function = call.func
        attribute_line = function.end_lineno if isinstance(function, ast.Attribute) else None
        elsewhere = line not in (call.lineno, attribute_line)
        for argument, rest in _arguments(call):
            for template in _Reader(scopes, call).templates(argument, formatted=rest):
                letters = sum(map(len, template.pieces))
                found.append(((elsewhere, -letters, len(found)), template))
    # The call of the very line first, then the template that says most.
    found.sort(key=lambda ranked: ranked[0])
    return list(dict.fromkeys(template for _, template in found))


def _calls(tree: ast.AST, line: int) -> list[ast.Call]:
    """The calls that LINE is part of, in the order of the source."""
    calls: list[ast.Call] = []
    todo: list[ast.AST] = [tree]
    while todo and len(calls) < _MAX_CALLS:
        node = todo.pop()
        start = getattr(node, "lineno", None)
        if start is not None and not start <= line <= (getattr(node, "end_lineno", None) or start):
            continue
        # Before Python 3.12 the positions inside an f-string are not those of the file.
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, ast.Call):
            calls.append(node)
        todo.extend(reversed(list(ast.iter_child_nodes(node))))
    return calls


def _arguments(call: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
    """Each argument, and whether more follow that a %-template could be filled with."""
    last = len(call.args) - 1
    for i, argument in enumerate(call.args):
        yield argument, i < last
    for keyword in call.keywords:
        yield keyword.value, False


def _parsed_around(lines: list[str], lineno: int) -> tuple[ast.Module, int] | None:
    """Parse as little as possible around LINENO: (tree, what to add to a line of the file)."""
    for start, end in (*_regions(lines, lineno - 1), (0, len(lines))):
        body = lines[start:end]
        indented = body[0][:1] in (" ", "\t", "\f")
        tree = _parsed("\n".join(["if 1:", *body] if indented else body))
        if tree is not None:
            return tree, (1 if indented else 0) - start
    return None


def _parsed(text: str) -> ast.Module | None:
    if len(text) > MAX_PARSED_CHARS:
        return None
    # An invalid escape in the application's source would be warned about again, on its stderr
    # or into its log. `catch_warnings` is not safe between threads; a filter for this one
    # made-up file name is.
    warnings.filterwarnings("ignore", module=re.escape(_PARSED_AS))
    try:
        return ast.parse(text, _PARSED_AS)
    except (SyntaxError, ValueError):
        return None


def _regions(lines: list[str], index: int) -> Iterator[tuple[int, int]]:
    """Line ranges that may hold the whole function, or else statement, around INDEX."""
    limit, header = _indent(lines[index]), None
    if _DEF.match(lines[index]):
        header = index
    for i in range(index - 1, -1, -1):
        if limit == 0:
            break
        line = lines[i]
        indent = _indent(line)
        if indent < limit and line.strip() and line.lstrip()[0] not in ")]}#":
            limit = indent
            if _DEF.match(line):
                header = i
    if header is None:
        header = index
        while header > 0 and (_indent(lines[header]) or _CONTINUES.match(lines[header])):
            header -= 1
    yield header, _end(lines, header, index, _CONTINUES, inverted=True)
    # A string may hold lines that look like the end of the function.
    yield header, _end(lines, header, index, _FRESH_START, inverted=False)


def _end(lines: list[str], header: int, index: int, mark: re.Pattern[str], *, inverted: bool) -> int:
    outer = _indent(lines[header])
    for i in range(max(header, index) + 1, len(lines)):
        line = lines[i]
        marked = mark.match(line.lstrip()) is not None
        if line.strip() and _indent(line) <= outer and marked is not inverted:
            return i
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t\f"))


# --- from an expression to its templates ----------------------------------------------------


class _Scopes:
    """What a name was given, in the functions around a call and at the top of the file."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        self.tree = tree
        self.lines = lines

    def assigned(self, name: str, call: ast.Call) -> list[tuple[ast.expr, bool]]:
        """The values NAME may have at CALL, nearest first, and whether more was appended."""
        values: list[tuple[int, ast.expr]] = []
        grown = False
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign):
                if any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                    values.append((node.lineno, node.value))
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
                if isinstance(node.target, ast.Name) and node.target.id == name and node.value:
                    values.append((node.lineno, node.value))
            elif isinstance(node, ast.AugAssign):
                grown = grown or (isinstance(node.target, ast.Name) and node.target.id == name)
        # Earlier lines first, from the call upwards; a loop may also bring later ones.
        values.sort(key=lambda v: (v[0] > call.lineno, abs(call.lineno - v[0])))
        if not values:
            values = [(0, value) for value in self._at_the_top(name)]
        return [(value, grown) for _, value in values]

    def _at_the_top(self, name: str) -> Iterator[ast.expr]:
        start = re.compile(rf"{re.escape(name)}\s*(?::[^=]+)?=(?!=)")
        for i, line in enumerate(self.lines):
            if line.startswith(name) and start.match(line):
                end = _end(self.lines, i, i, _CONTINUES, inverted=True)
                tree = _parsed("\n".join(self.lines[i:end]))
                for node in tree.body[:1] if tree else ():
                    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                        yield node.value


class _Reader:
    """Reads the templates of one expression."""

    def __init__(self, scopes: _Scopes, call: ast.Call) -> None:
        self.scopes = scopes
        self.call = call
        self.names = 0

    def templates(self, node: ast.expr, *, formatted: bool) -> Iterator[Template]:
        for pieces in self.variants(node):
            text = HOLE.join(pieces)
            if formatted:
                # The text stays what `record.msg` has: one key with and without the source,
                # and behind a queue that has merged the arguments.
                pieces = tuple(p for piece in pieces for p in percent_pieces(piece))
            yield Template(text, pieces)

    def variants(self, node: ast.expr, depth: int = 0) -> list[_Pieces]:
        """The texts NODE may give, opaque parts as holes; at most `_MAX_VARIANTS`."""
        if depth > _MAX_DEPTH:
            return [OPAQUE]
        depth += 1
        if type(node).__name__ == "TemplateStr":  # from Python 3.14 on
            return [_fstring(cast("ast.JoinedStr", node).values)]
        match node:
            case ast.Constant(value=str(text)):
                return [(text,)]
            case ast.JoinedStr(values=values):
                return [_fstring(values)]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return _bounded(
                    (*a[:-1], a[-1] + b[0], *b[1:])
                    for a in self.variants(left, depth)
                    for b in self.variants(right, depth)
                )
            case ast.BinOp(op=ast.Mod(), left=left):
                return _bounded(
                    percent_pieces(a[0]) if len(a) == 1 else OPAQUE for a in self.variants(left, depth)
                )
            case ast.IfExp(body=a, orelse=b):
                return _bounded([*self.variants(a, depth), *self.variants(b, depth)])
            case ast.BoolOp(values=values):
                return _bounded(v for value in values for v in self.variants(value, depth))
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.variants(value, depth)
            case ast.Name(id=name):
                return self._of_name(name, depth)
            case ast.Dict(keys=keys, values=values):
                named = {key.value: v for key, v in zip(keys, values, strict=True) if _is_text(key)}
                return self._of_mapping(named, depth)
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                return self._of_mapping({k.arg: k.value for k in keywords if k.arg is not None}, depth)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                parts = [self.variants(element, depth)[0] for element in elements[:MAX_ENTRIES]]
                return [_put_together(parts, ", ")]
            case ast.Call(func=ast.Attribute(value=text, attr="format")):
                return _bounded(
                    _format_pieces(a[0]) if len(a) == 1 else OPAQUE for a in self.variants(text, depth)
                )
            case ast.Call(func=function, args=arguments):
                # _("text"), dedent("text"), "text".strip(): it fits, or it does not.
                inner = [*arguments[:1]]
                if isinstance(function, ast.Attribute):
                    inner.append(function.value)
                return _bounded([v for value in inner for v in self.variants(value, depth)] + [OPAQUE])
        return [OPAQUE]

    def _of_mapping(self, entries: dict[str, ast.expr], depth: int) -> list[_Pieces]:
        """What a structured message says: the words in one of its fields, or all of them."""
        ranked = sorted((rank, name) for name in entries if (rank := rank_of(name)) is not None)
        words = [v for _, name in ranked for v in self.variants(entries[name], depth)]
        return _bounded([*words, _put_together(self._flat(entries, "", depth), ", ")])

    def _flat(self, entries: dict[str, ast.expr], prefix: str, depth: int) -> list[_Pieces]:
        """The entries as `structured.words_of` puts them where no field holds the words."""
        found: list[tuple[str, _Pieces]] = []
        for name, value in entries.items():
            if prefix or name not in NO_WORDS:
                pieces = self.variants(value, depth)[0] if not isinstance(value, ast.Dict) else OPAQUE
                first, *rest = (" ".join(piece.split()) if len(pieces) == 1 else piece for piece in pieces)
                found.append((name, (f"{prefix}{name}: {first}", *rest)))
        return [pieces for _, pieces in sorted(found)[:MAX_ENTRIES]]

    def _of_name(self, name: str, depth: int) -> list[_Pieces]:
        if self.names >= _MAX_NAMES:
            return [OPAQUE]
        self.names += 1
        try:
            known = [
                (*pieces, "") if grown else pieces
                for value, grown in self.scopes.assigned(name, self.call)
                for pieces in self.variants(value, depth)
            ]
            # What else the name may have been given cannot be seen from here.
            return _bounded([*known[: _MAX_VARIANTS - 1], OPAQUE])
        finally:
            self.names -= 1


def _is_text(key: ast.expr | None) -> TypeGuard[_Text]:
    return isinstance(key, ast.Constant) and isinstance(key.value, str)


def _put_together(parts: list[_Pieces], between: str) -> _Pieces:
    pieces = [""]
    for i, (first, *rest) in enumerate(parts):
        pieces[-1] += (between if i else "") + first
        pieces += rest
    return tuple(pieces)


def _bounded(variants: Iterator[_Pieces] | list[_Pieces]) -> list[_Pieces]:
    unique: dict[_Pieces, None] = {}
    for pieces in variants:
        unique[pieces] = None
        if len(unique) == _MAX_VARIANTS:
            break
    return list(unique)


def _fstring(values: list[ast.expr]) -> _Pieces:
    pieces = [""]
    for value in values:
        if isinstance(value, ast.Constant):
            pieces[-1] += str(value.value)
        else:
            pieces.append("")
    return tuple(pieces)


def _format_pieces(template: str) -> _Pieces:
    pieces = [""]
    try:
        for literal, name, _, _ in Formatter().parse(template):
            pieces[-1] += literal
            if name is not None:
                pieces.append("")
    except ValueError:
        return OPAQUE
    return tuple(pieces)
