"""The routing key: a secret that appears nowhere but in the body of a request."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ENVIRONMENT_VARIABLE = "PAGERDUTY_ROUTING_KEY"
MAX_ROUTING_KEY_CHARS = 255
"""Our own limit: anything longer is a file or a certificate given by mistake."""

_USUAL_FORM = re.compile(r"[A-Za-z0-9]{32}")
"""Source: PagerDuty/developer-docs, docs/events-API-v2/01-Overview.md ("Integration Key")."""


class RoutingKey:
    """A routing key that no repr, format, pickle or `vars` shows; `reveal()` returns it.

    Raises:
        TypeError, ValueError: names the option, and never shows the value.
    """

    __slots__ = ("reveal",)
    reveal: Callable[[], str]

    def __init__(self, value: str, option: str = "routing_key") -> None:
        fault = _fault(value, option)
        if fault is not None:
            del value  # a traceback that shows local variables must not show it
            raise fault
        key = value.strip()
        # A closure, not an attribute, so that tools that print all attributes find no text.
        self.reveal = lambda: key

    def __repr__(self) -> str:
        return "<routing key>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a routing key is not pickled or copied: it would leave the process")


def find_routing_key(
    routing_key: str | RoutingKey | None,
    routing_key_file: str | os.PathLike[str] | None = None,
    *,
    where: str = "",
) -> RoutingKey | None:
    """Return the key from the option, the file or `PAGERDUTY_ROUTING_KEY`; None if none is set.

    A text that is not 32 letters or digits gets a warning, which points at the caller's caller and begins
    with `where`.

    Raises:
        TypeError, ValueError: naming the option that is wrong, or that both were given. Their traceback
            ends here; a caller that holds the key in its own variable drops it first.
    """
    if isinstance(routing_key, RoutingKey):
        return routing_key
    try:
        key, option = _found(routing_key, routing_key_file)
    except (TypeError, ValueError) as error:
        routing_key = None
        raise error.with_traceback(None) from None
    routing_key = None
    if key is not None and not _USUAL_FORM.fullmatch(key.reveal()):
        warnings.warn(
            f"{where}{option} is not 32 letters or digits: PagerDuty will probably refuse it", stacklevel=3
        )
    return key


def _found(
    routing_key: str | None, routing_key_file: str | os.PathLike[str] | None
) -> tuple[RoutingKey | None, str]:
    if routing_key is not None and routing_key_file is not None:
        raise ValueError("routing_key and routing_key_file: give one of them")
    if routing_key is not None:
        return RoutingKey(routing_key), "routing_key"
    if routing_key_file is not None:
        return RoutingKey(_read(routing_key_file), "routing_key_file"), "routing_key_file"
    from_environment = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if not from_environment:
        return None, ENVIRONMENT_VARIABLE
    return RoutingKey(from_environment, ENVIRONMENT_VARIABLE), ENVIRONMENT_VARIABLE


def _fault(value: object, option: str) -> TypeError | ValueError | None:
    if not isinstance(value, str):
        return TypeError(f"{option} must be text, not {type(value).__name__}")
    key = value.strip()
    if not key:
        return ValueError(f"{option} is empty")
    if len(key) > MAX_ROUTING_KEY_CHARS:
        return ValueError(f"{option} is too long to be a routing key")
    if not key.isprintable() or any(map(str.isspace, key)):
        return ValueError(f"{option} holds line breaks, blanks or characters that cannot be seen")
    return None


def _read(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"routing_key_file must be a path or None, not {type(path).__name__}")
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"routing_key_file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("routing_key_file is not text") from None
