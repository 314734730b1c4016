"""What the tasks of several hosts do."""

from pathlib import Path


def pay(customer: str) -> None:
    raise ValueError("boom")


def ship(customer: str) -> None:
    raise LookupError("no stock")


def tire(customer: str) -> None:
    raise TimeoutError("still no answer")


def mend(customer: str) -> None:
    if _is_first("mended"):
        raise ConnectionError("once")


def heal(customer: str) -> None:
    if _is_first("healed"):
        raise RuntimeError("for the first time")


def late(customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


def _is_first(name: str) -> bool:
    first = not Path(name).exists()
    Path(name).touch()
    return first
