"""The template read back from the source line that logged.

A record carries `pathname` and `lineno`. The calls that stand there are parsed once, and every
way their arguments can build a text becomes a `Template`: its literal pieces, with a hole
between each two. A template counts only where those pieces fit the message that was logged, so
a stale file, another call on the line or a wrong guess costs nothing but the next rule's turn.

Neither path nor line is part of a template. Only syntax is read; nothing is imported or run. A file that
cannot be read for want of descriptors, memory or stack is tried again; the relative names that frozen
programs have are not looked for in the working directory.
"""

from __future__ import annotations

import ast
import os
import re
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import Formatter
from typing import Final, TypeAlias, TypeGuard, cast

from pagerduty_logging.record.structured import MAX_ENTRIES, NO_WORDS, rank_of

from .masking import says_nothing

MAX_SOURCE_BYTES: Final = 4_000_000
MAX_PARSED_CHARS: Final = 250_000
"""What may be parsed for one call site, at about 0.5 ms per 1,000 characters."""

MAX_SITES: Final = 8_192
LOOK_AGAIN: Final = 1.0
"""Seconds between two looks at the file of a call that has no template of its own: each is a system call."""
MAX_FILES: Final = 64
MAX_CACHED_CHARS: Final = 8_000_000
_MAX_CALLS: Final = 64
_MAX_VARIANTS: Final = 16
_MAX_DEPTH: Final = 40
_MAX_NAMES: Final = 3
_MAX_SPLIT: Final = 20_000
_STARTED: Final = time.time_ns()
_LEAST_LETTERS: Final = 6
"""Letters of a template that is looked for within a longer text."""

HOLE: Final = "{}"
"""What stands for an interpolated value in a template read from the source."""

PERCENT: Final = re.compile(
    r"%(?:\([^)]{0,200}\))?[#0 +-]*+(?:\*|[0-9]++)?(?:\.(?:\*|[0-9]++))?[hlL]?([diouxXeEfFgGcrsa%])",
    re.ASCII,
)

_Pieces: TypeAlias = tuple[str, ...]  # the literals; a hole is between each two
_OPAQUE: Final[_Pieces] = ("", "")


class _Text(ast.Constant):
    value: str


_Signature: TypeAlias = tuple[int, int]

_DEF = re.compile(r"\s*(?:async\s+def|def)\b")
_FRESH_START = re.compile(r"(?:async\s+def|def|class|if\s+__name__)\b|@")
_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b|[)\]}]|#|$")
_ENCODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
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


@dataclass(slots=True)
class _Site:
    templates: tuple[Template, ...]
    signature: _Signature | None
    looked_at: float
    bare: tuple[Template, ...] = ()
    """Templates of more than one hole, without a word."""
    is_read: bool = False
    """Whether there are calls in the line."""


# Plain dicts: reads and writes of one entry are atomic, and a race costs a second parse at
# worst. When full they start afresh, which costs each site a millisecond once.
_sites: dict[tuple[str, int], _Site] = {}
_files: dict[str, tuple[_Signature, list[str]]] = {}
_cached_chars = 0


def template_of(pathname: object, lineno: object, message: str) -> Template | None:
    """Return the template of the call at PATHNAME:LINENO that MESSAGE was made from, or None.

    A file that has changed since it was read is read again where nothing fits.
    """
    if type(pathname) is not str or type(lineno) is not int:
        return None
    site = _sites.get((pathname, lineno))
    if site is None:
        return _fitting(_load(pathname, lineno, _signature(pathname)), message)
    if not site.templates and site.signature is not None:
        now = time.monotonic()
        if now - site.looked_at < LOOK_AGAIN:
            return None
        site.looked_at = now
    found = _fitting(site, message)
    if found is None and (signature := _signature(pathname)) != site.signature:
        found = _fitting(_load(pathname, lineno, signature), message)
    return found


def part_of(pathname: object, lineno: object, message: str) -> Template | None:
    """Return the template at PATHNAME:LINENO that a part of MESSAGE was made from, or None.

    An adapter or a wrapper has put something before it, or after.
    """
    site = _sites.get((pathname, lineno))  # type: ignore[arg-type]
    return next((t for t in site.templates if t.is_in(message)), None) if site is not None else None


def values_at(pathname: object, lineno: object, message: str) -> tuple[str, ...]:
    """Return the values that a template without a word at PATHNAME:LINENO was filled with to make MESSAGE."""
    site = _sites.get((pathname, lineno))  # type: ignore[arg-type]
    if site is None or len(message) > _MAX_SPLIT:
        return ()
    found = next((template for template in site.bare if template.fits(message)), None)
    return found.values_in(message) if found is not None else ()


def is_read(pathname: object, lineno: object) -> bool:
    """Whether the call at PATHNAME:LINENO could be read, from a file as it was when the program started."""
    site = _sites.get((pathname, lineno))  # type: ignore[arg-type]
    return site is not None and site.is_read and site.signature is not None and site.signature[0] < _STARTED


def templates_at(pathname: str, lineno: int) -> tuple[Template, ...]:
    """Return every template the calls at PATHNAME:LINENO can build, the likeliest first."""
    return _load(pathname, lineno, _signature(pathname)).templates


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


def _fitting(site: _Site, message: str) -> Template | None:
    for template in site.templates:
        if template.fits(message):
            return template
    return None


def _signature(pathname: str) -> _Signature | None:
    """Size and time of a file that may be read; None for what is no file, or reads for ever."""
    if pathname[:1] == "<":  # <stdin>, <string>, <frozen importlib._bootstrap>
        return None
    if getattr(sys, "frozen", False) and not os.path.isabs(pathname):
        return None
    try:
        info = os.stat(pathname)
    except (OSError, ValueError):
        return None
    # Devices and pipes block; files under /proc claim to be empty and some of them block too.
    if not stat.S_ISREG(info.st_mode) or not 0 < info.st_size <= MAX_SOURCE_BYTES:
        return None
    return info.st_mtime_ns, info.st_size


def _load(pathname: str, lineno: int, signature: _Signature | None) -> _Site:
    site = _Site((), signature, time.monotonic())
    if signature is not None:
        try:
            lines = _lines(pathname, signature)
            if 0 < lineno <= len(lines):
                found = _templates(lines, lineno)
                site.is_read = bool(found)
                site.templates = tuple(t for t in found if not t.bare)
                site.bare = tuple(t for t in found if t.bare and t.pieces != _OPAQUE and len(t.pieces) > 1)
        except (OSError, MemoryError, RecursionError):
            return site  # it may be readable the next time
        except Exception:  # whatever a file can hold, the next rule takes over
            pass
    if len(_sites) >= MAX_SITES:
        _sites.clear()
    _sites[pathname, lineno] = site
    return site


def _lines(pathname: str, signature: _Signature) -> list[str]:
    global _cached_chars
    known = _files.get(pathname)
    if known is not None and known[0] == signature:
        return known[1]
    try:
        text = _decoded(_read(pathname))
    except (PermissionError, ValueError, LookupError):  # not for us, or in no known encoding
        text = ""
    # Not splitlines(): Python ends a line at \n, \r\n and \r only.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(_files) >= MAX_FILES or _cached_chars + len(text) > MAX_CACHED_CHARS:
        _files.clear()
        _cached_chars = 0
    _cached_chars += len(text)
    _files[pathname] = signature, lines
    return lines


def _read(pathname: str) -> bytes:
    # The file may have become a pipe since it was looked at; O_NONBLOCK then opens it all the same.
    descriptor = os.open(pathname, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return file.read(MAX_SOURCE_BYTES)


def _decoded(data: bytes) -> str:
    declared = next(filter(None, map(_ENCODING.match, data.split(b"\n", 2)[:2])), None)
    if declared is None:
        return data.decode("utf-8-sig")
    return data.decode(declared[1].decode("ascii")).removeprefix("\ufeff")


# --- from the line to its calls -------------------------------------------------------------


def _templates(lines: list[str], lineno: int) -> list[Template]:
    """The templates of the calls that LINENO is part of, the likeliest first; one an argument at least."""
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
            return [_OPAQUE]
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
                    percent_pieces(a[0]) if len(a) == 1 else _OPAQUE for a in self.variants(left, depth)
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
                    _format_pieces(a[0]) if len(a) == 1 else _OPAQUE for a in self.variants(text, depth)
                )
            case ast.Call(func=function, args=arguments):
                # _("text"), dedent("text"), "text".strip(): it fits, or it does not.
                inner = [*arguments[:1]]
                if isinstance(function, ast.Attribute):
                    inner.append(function.value)
                return _bounded([v for value in inner for v in self.variants(value, depth)] + [_OPAQUE])
        return [_OPAQUE]

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
                pieces = self.variants(value, depth)[0] if not isinstance(value, ast.Dict) else _OPAQUE
                first, *rest = (" ".join(piece.split()) if len(pieces) == 1 else piece for piece in pieces)
                found.append((name, (f"{prefix}{name}: {first}", *rest)))
        return [pieces for _, pieces in sorted(found)[:MAX_ENTRIES]]

    def _of_name(self, name: str, depth: int) -> list[_Pieces]:
        if self.names >= _MAX_NAMES:
            return [_OPAQUE]
        self.names += 1
        try:
            known = [
                (*pieces, "") if grown else pieces
                for value, grown in self.scopes.assigned(name, self.call)
                for pieces in self.variants(value, depth)
            ]
            # What else the name may have been given cannot be seen from here.
            return _bounded([*known[: _MAX_VARIANTS - 1], _OPAQUE])
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
        return _OPAQUE
    return tuple(pieces)
