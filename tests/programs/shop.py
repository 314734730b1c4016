"""A small program whose failures tests look at: its line numbers are part of the golden page."""

import json
from collections.abc import Callable


class DeclinedError(Exception):
    """The bank said no."""


def charge(order: int) -> None:
    try:
        parse('{"card": ')
    except ValueError as error:
        error.add_note(f"while reading order {order}")
        raise DeclinedError(f"order {order} cannot be paid") from error


def parse(text: str) -> None:
    json.loads(text)


def serve(order: int) -> None:
    through_libraries(lambda: charge(order))


def through_libraries(call: Callable[[], None]) -> None:
    """Call through a function of the standard library, as frameworks do."""
    list(json.JSONEncoder(default=lambda _: call()).iterencode(object()))


def recurse(left: int) -> None:
    if left == 0:
        raise ValueError("deep")
    recurse(left - 1)


def several() -> None:
    raise ExceptionGroup(
        "three orders failed", [ValueError("a"), ExceptionGroup("inner", [TypeError("b"), KeyError("c")])]
    )


def failed(order: int) -> DeclinedError:
    try:
        serve(order)
    except DeclinedError as error:
        return error
    raise AssertionError("it should have failed")
