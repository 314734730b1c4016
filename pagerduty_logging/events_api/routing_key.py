"""The routing key: a secret that shows itself nowhere but in the body of a request."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ENVIRONMENT_VARIABLE = "PAGERDUTY_ROUTING_KEY"

_USUAL_FORM = re.compile(r"[A-Za-z0-9]{32}")
"""Source: PagerDuty/developer-docs, docs/events-API-v2/01-Overview.md ("Integration Key")."""
_POSSIBLE_FORM = re.compile(r"[!-~]{1,255}")


class RoutingKey:
    """A routing key that no repr, format, pickle or `vars` gives away; `reveal()` does.

    Raises:
        TypeError, ValueError: naming the option and never echoing the value.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], str]

    def __init__(self, value: str, option: str = "routing_key") -> None:
        if not isinstance(value, str):
            raise TypeError(f"{option} must be text, not {type(value).__name__}")
        key = value.strip()
        if not key:
            raise ValueError(f"{option} is empty")
        if not _POSSIBLE_FORM.fullmatch(key):
            raise ValueError(f"{option} holds characters that no routing key has, or too many")
        if not _USUAL_FORM.fullmatch(key):
            warnings.warn(
                f"{option} is not 32 letters or digits: PagerDuty will probably refuse it",
                stacklevel=4,
            )
        # A closure, not an attribute: what prints objects with all their attributes finds no text.
        self.reveal = lambda: key

    def __repr__(self) -> str:
        return "<routing key>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a routing key is not pickled: it would leave the process")


def find_routing_key(
    routing_key: str | None, routing_key_file: str | os.PathLike[str] | None = None
) -> RoutingKey | None:
    """Return the key from the option, the file or `PAGERDUTY_ROUTING_KEY`; None if there is none.

    Raises:
        TypeError, ValueError: naming the option that is wrong, or that both were given.
    """
    if routing_key is not None and routing_key_file is not None:
        raise ValueError("routing_key and routing_key_file: give one of them")
    if routing_key is not None:
        return RoutingKey(routing_key)
    if routing_key_file is not None:
        return RoutingKey(_read(routing_key_file), "routing_key_file")
    from_environment = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    return RoutingKey(from_environment, ENVIRONMENT_VARIABLE) if from_environment else None


def _read(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"routing_key_file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("routing_key_file is not text") from None
