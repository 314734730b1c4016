"""What a type checker makes of guarded jobs; checked by mypy, never run."""

from typing import assert_type

from pagerduty_logging import install_hooks, page_on_failure


@page_on_failure("sum")
def add(a: int, *, b: int = 2) -> int:
    return a + b


@page_on_failure("rates", max_seconds=60)
async def fetch(name: str) -> str:
    return name


async def calls() -> None:
    assert_type(add(1, b=3), int)
    assert_type(await fetch("EUR"), str)
    add("1")  # type: ignore[arg-type]
    async with page_on_failure("report") as guard:
        assert_type(guard.dedup_key, str)


def hooks() -> None:
    with install_hooks(exit_status=True) as installed:
        installed.uninstall()
