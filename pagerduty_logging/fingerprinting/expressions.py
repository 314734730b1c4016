"""The texts that the calls in a line of source can build.

Only syntax is read; nothing is imported or run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Final, TypeGuard, cast

from pagerduty_logging.record.structured import MAX_ENTRIES, NO_WORDS, rank_of
from pagerduty_logging.record.template_strings import HOLE

from .statements import Lines, parsed, parsed_around, statement_end
from .templates import OPAQUE, Pieces, Template, format_pieces, percent_pieces
from .text_methods import changed, dollar_pieces, replaced

_MAX_CALLS: Final = 64
_MAX_VARIANTS: Final = 16
_MAX_DEPTH: Final = 40
_MAX_NAMES: Final = 3
_ASSIGNMENTS: Final = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign)
_GIVES: Final = re.compile(r"\s*(?::[^=]+)?=(?!=)")
"""What follows a name that is given something, on its line."""
_LEAVES: Final = frozenset((ast.Name, ast.Constant, ast.Load, ast.Store, int, str, type(None)))
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of a statement that hold others."""
_UNKNOWN: Final = Template(HOLE, OPAQUE)
_OF_LOGGING: Final = frozenset(("exc_info", "extra", "stack_info", "stacklevel"))


class _Text(ast.Constant):
    value: str


def templates_in(lines: Lines, lineno: int) -> list[Template]:
    """Return the templates of the calls that `lineno` is part of, the likeliest first."""
    found: list[tuple[tuple[int, int, int], Template]] = []
    around = parsed_around(lines, lineno)
    if around is None:
        return []
    line = lineno + around.offset
    scopes = _Scopes(around.tree, lines, names_within=":=" in around.text)
    for call in _calls(around.tree, line):
        function = call.func
        attribute_line = function.end_lineno if isinstance(function, ast.Attribute) else None
        elsewhere = line not in (call.lineno, attribute_line)
        for argument, rest in _arguments(call):
            for template in _Reader(scopes, call).templates(argument, formatted=rest):
                letters = sum(map(len, template.pieces))
                found.append(((elsewhere, -letters, len(found)), template))
    # The call that starts on this line first, then the template that says most.
    found.sort(key=itemgetter(0))
    return list(dict.fromkeys(template for _, template in found))


def templates_of(
    tree: ast.Module, lines: list[str], call: ast.Call, argument: ast.expr, *, formatted: bool
) -> list[Template]:
    """Return the templates of one `argument` of a `call`, the likeliest first.

    Args:
        tree: of the whole file.
        lines: of the file.
        call: within that tree.
        argument: of that call.
        formatted: whether more arguments follow, with which a %-template is filled.
    """
    scopes = _Scopes(tree, Lines(lines), names_within=True)
    return list(dict.fromkeys(_Reader(scopes, call).templates(argument, formatted=formatted)))


def _calls(tree: ast.AST, line: int) -> list[ast.Call]:
    """The calls that `line` is part of, in the order of the source."""
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
        todo.extend(reversed(_children(node)))
    return calls


def _children(node: ast.AST) -> list[ast.AST]:
    """The same as `ast.iter_child_nodes` returns, but for what holds no others; in a third of the time."""
    children: list[ast.AST] = []
    for value in vars(node).values():
        kind = type(value)
        if kind is list and value:
            children += [item for item in value if type(item) not in _LEAVES and isinstance(item, ast.AST)]
        elif kind not in _LEAVES and isinstance(value, ast.AST) and value._fields:
            children.append(value)
    return children


def _arguments(call: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
    """Each argument, and whether more arguments follow that could fill a template."""
    last = len(call.args) - 1
    for i, argument in enumerate(call.args):
        yield argument, i < last
    for keyword in call.keywords:
        yield keyword.value, False


def _fills_braces(call: ast.Call) -> bool:
    """Return whether a call has more than its message, which loguru puts in at the braces."""
    return len(call.args) > 1 or any(keyword.arg not in _OF_LOGGING for keyword in call.keywords)


# --- from an expression to its templates ----------------------------------------------------


class _Scopes:
    """What was assigned to a name, in the functions around a call and at the top of the file.

    Args:
        tree: what was parsed of the file.
        lines: of the file.
        names_within: whether an expression may give something a name, too.
    """

    def __init__(self, tree: ast.Module, lines: Lines, *, names_within: bool) -> None:
        self.tree = tree
        self.lines = lines
        self._names_within = names_within
        self._found: list[ast.AST] | None = None

    def _assignments(self) -> list[ast.AST]:
        """What gives something a name, found once."""
        if self._found is None:
            nodes = ast.walk(self.tree) if self._names_within else _statements(self.tree)
            self._found = [node for node in nodes if isinstance(node, _ASSIGNMENTS)]
        return self._found

    def assigned(self, name: str, call: ast.Call) -> list[tuple[ast.expr, bool]]:
        """The values `name` may have at `call`, nearest first, and whether more was appended."""
        values: list[tuple[int, ast.expr]] = []
        grown = False
        for node in self._assignments():
            if isinstance(node, ast.Assign):
                if any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                    values.append((node.lineno, node.value))
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
                if isinstance(node.target, ast.Name) and node.target.id == name and node.value:
                    values.append((node.lineno, node.value))
            elif isinstance(node, ast.AugAssign):
                grown = grown or (isinstance(node.target, ast.Name) and node.target.id == name)
        # Lines before the call first, the nearest first; in a loop later ones may apply too.
        values.sort(key=lambda v: (v[0] > call.lineno, abs(call.lineno - v[0])))
        if not values:
            values = [(0, value) for value in self._at_the_top(name)]
        return [(value, grown) for _, value in values]

    def _at_the_top(self, name: str) -> Iterator[ast.expr]:
        for i in self.lines.assigning:
            line = self.lines[i]
            if line.startswith(name) and _GIVES.match(line, len(name)):
                end = statement_end(self.lines, i)
                tree = parsed("\n".join(self.lines[i:end]))
                for node in tree.body[:1] if tree else ():
                    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                        yield node.value


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements, at any depth."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        for name in _BLOCKS:
            for inner in getattr(node, name, ()):
                if isinstance(inner, ast.stmt):
                    yield inner
                todo.append(inner)


class _Reader:
    """Reads the templates of one expression."""

    def __init__(self, scopes: _Scopes, call: ast.Call) -> None:
        self.scopes = scopes
        self.call = call
        self.names = 0

    def templates(self, node: ast.expr, *, formatted: bool) -> Iterator[Template]:
        for pieces in self.variants(node):
            if pieces == OPAQUE:
                yield _UNKNOWN
                continue
            text = HOLE.join(pieces)
            if formatted:
                # The text stays as in `record.msg`: one key with and without the source,
                # and after a queue that has merged the arguments.
                pieces = tuple(p for piece in pieces for p in percent_pieces(piece))
            yield Template(text, pieces)
            if len(pieces) == 1 and "{" in pieces[0] and _fills_braces(self.call):
                braces = format_pieces(pieces[0])
                if len(braces) > 1 and braces != OPAQUE:
                    yield Template(HOLE.join(braces), braces)

    def variants(self, node: ast.expr, depth: int = 0) -> list[Pieces]:
        """The texts `node` may give, opaque parts as holes; at most `_MAX_VARIANTS`."""
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
            case ast.Name(id=name):
                return self._of_name(name, depth)
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
            case ast.Dict(keys=keys, values=values):
                named = {key.value: v for key, v in zip(keys, values, strict=True) if _is_text(key)}
                return self._of_mapping(named, depth)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self._of_elements(elements, ", ", depth)]
            case ast.Call():
                return _bounded(self._of_call(node, depth))
        return [OPAQUE]

    def _of_call(self, call: ast.Call, depth: int) -> Iterable[Pieces]:
        match call:
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                return self._of_mapping({k.arg: k.value for k in keywords if k.arg is not None}, depth)
            case ast.Call(func=ast.Attribute(value=text, attr="format")):
                return (format_pieces(a[0]) if len(a) == 1 else OPAQUE for a in self.variants(text, depth))
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"), args=[items]
            ):
                if isinstance(items, ast.List | ast.Tuple):
                    return [self._of_elements(items.elts, between, depth)]
            case ast.Call(func=ast.Attribute(value=ast.Call(func=made, args=[text]), attr=method)):
                if _name_of(made) == "Template" and method in ("substitute", "safe_substitute"):
                    return (
                        dollar_pieces(a[0]) if len(a) == 1 else OPAQUE for a in self.variants(text, depth)
                    )
            case ast.Call(
                func=ast.Attribute(value=text, attr="replace"), args=[ast.Constant(value=str(old)), new]
            ):
                given = self.variants(new, depth)[0]
                return [*(replaced(a, old, given) for a in self.variants(text, depth)), OPAQUE]
        # _("text"), dedent("text"), "text".strip(): try it; it may not fit.
        inner = [*call.args[:1]]
        if isinstance(call.func, ast.Attribute):
            inner.append(call.func.value)
        found = [v for value in inner for v in self.variants(value, depth)]
        name = _name_of(call.func)
        return [*(changed(pieces, name) for pieces in found), *found, OPAQUE]

    def _of_elements(self, elements: list[ast.expr], between: str, depth: int) -> Pieces:
        return _put_together([self.variants(one, depth)[0] for one in elements[:MAX_ENTRIES]], between)

    def _of_mapping(self, entries: dict[str, ast.expr], depth: int) -> list[Pieces]:
        """What a structured message says: the words in one of its fields, or all of them."""
        ranked = sorted((rank, name) for name in entries if (rank := rank_of(name)) is not None)
        words = [v for _, name in ranked for v in self.variants(entries[name], depth)]
        return _bounded([*words, _put_together(self._flat(entries, "", depth), ", ")])

    def _flat(self, entries: dict[str, ast.expr], prefix: str, depth: int) -> list[Pieces]:
        """The entries as `structured.words_of` puts them where no field holds the words."""
        found: list[tuple[str, Pieces]] = []
        for name, value in entries.items():
            if prefix or name not in NO_WORDS:
                pieces = self.variants(value, depth)[0] if not isinstance(value, ast.Dict) else OPAQUE
                first, *rest = (" ".join(piece.split()) if len(pieces) == 1 else piece for piece in pieces)
                found.append((name, (f"{prefix}{name}: {first}", *rest)))
        return [pieces for _, pieces in sorted(found)[:MAX_ENTRIES]]

    def _of_name(self, name: str, depth: int) -> list[Pieces]:
        if self.names >= _MAX_NAMES:
            return [OPAQUE]
        self.names += 1
        try:
            known = [
                (*pieces, "") if grown else pieces
                for value, grown in self.scopes.assigned(name, self.call)
                for pieces in self.variants(value, depth)
            ]
            # Other values of the name cannot be seen from here.
            return _bounded([*known[: _MAX_VARIANTS - 1], OPAQUE])
        finally:
            self.names -= 1


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_text(key: ast.expr | None) -> TypeGuard[_Text]:
    return isinstance(key, ast.Constant) and isinstance(key.value, str)


def _put_together(parts: list[Pieces], between: str) -> Pieces:
    pieces = [""]
    for i, (first, *rest) in enumerate(parts):
        pieces[-1] += (between if i else "") + first
        pieces += rest
    return tuple(pieces)


def _bounded(variants: Iterable[Pieces]) -> list[Pieces]:
    unique: dict[Pieces, None] = {}
    for pieces in variants:
        unique[pieces] = None
        if len(unique) == _MAX_VARIANTS:
            break
    return list(unique)


def _fstring(values: list[ast.expr]) -> Pieces:
    pieces = [""]
    for value in values:
        if isinstance(value, ast.Constant):
            pieces[-1] += str(value.value)
        else:
            pieces.append("")
    return tuple(pieces)
