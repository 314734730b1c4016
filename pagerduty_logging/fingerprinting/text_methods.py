"""What methods and functions do to a text with holes: `dedent`, `strip`, `lower`, `replace`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Final

from .templates import Pieces

_HOLE: Final = "\0"
_DOLLAR = re.compile(r"\$(?:(\$)|[A-Za-z_]\w*|\{[A-Za-z_]\w*\})", re.ASCII)

CHANGES: Final[Mapping[str, Callable[[str], str]]] = {
    "capitalize": str.capitalize,
    "cleandoc": inspect.cleandoc,
    "dedent": textwrap.dedent,
    "lower": str.lower,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
    "strip": str.strip,
    "upper": str.upper,
}
"""By the name of the function or method, where it has no further argument."""


def changed(pieces: Pieces, name: str) -> Pieces:
    """Return the pieces as the function with this name leaves them; itself, if it is not known."""
    change = CHANGES.get(name)
    if change is None:
        return pieces
    return tuple(change(_HOLE.join(pieces)).split(_HOLE))


def replaced(pieces: Pieces, old: str, new: Pieces) -> Pieces:
    """Return the pieces with the text `new`, or its holes, in the place of `old`."""
    if not old:
        return pieces
    return tuple(_HOLE.join(pieces).replace(old, _HOLE.join(new)).split(_HOLE))


def dollar_pieces(template: str) -> Pieces:
    """Return the literal pieces of what `string.Template` is made of."""
    return tuple(_DOLLAR.sub(lambda found: found[1] or _HOLE, template).split(_HOLE))
