"""A server for a whole module, and states of two hosts on each kind of store."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.state import breaker, sqlite
from pagerduty_logging.state.breaker import PATIENCE
from pagerduty_logging.state.options import open_state
from pagerduty_logging.state.shared import SharedState
from pagerduty_logging.state.sqlite import PATIENCE as sqlite_patience

from .servers import Server, running

KEY = "R" * 32


class Member:
    """One handler's state, with a log of what it says to the operator; counts and claims in few words."""

    def __init__(self, option: Any, host: str = "web-1", **options: Any) -> None:
        self.said: list[str] = []
        background = options.pop("background", True)
        state = open_state(
            option,
            routing_key=options.pop("routing_key", KEY),
            host=host,
            say=lambda topic, text: self.said.append(text),
            background=lambda: background,
            **options,
        )
        assert state is not None
        self.state: SharedState = state

    def see(self, key: str = "disk", n: int = 1, severity: int = 1, **more: Any) -> None:
        now = time.time()
        self.state.count(key, n, first=now, last=now, severity=severity, summary=key, **more)

    def ask(self, key: str = "disk", severity: int = 1, n: int = 1, **more: Any) -> Any:
        """Claim for an occurrence that happens now."""
        if n:
            self.see(key, n, severity)
        return self.state.claim(key, severity, at=time.time(), **more)

    def tell(self, key: str = "disk", severity: int = 1, n: int = 1, window: float = 300.0) -> Any:
        """Claim, send, commit."""
        answer = self.ask(key, severity, n)
        self.state.commit(key, severity, occurrences=answer.occurrences, window=window)
        return answer


@contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Lock a SQLite file, as another program does; it is waited for no longer than in earnest."""
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as holder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(breaker, "PATIENCE", PATIENCE)
        patch.setattr(sqlite, "PATIENCE", sqlite_patience)
        holder.execute(f"BEGIN {how}")
        yield
        holder.execute("ROLLBACK")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module that leave it as it was."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(server: Server) -> Server:
    """An empty one."""
    server.signal(signal.SIGCONT)
    server.client().flushall()
    return server


@pytest.fixture(params=["sqlite", "redis"])
def option(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The option `state`, for each kind of store."""
    if request.param == "sqlite":
        return os.fspath(tmp_path / "state.sqlite")
    return str(request.getfixturevalue("redis_server").url)


@pytest.fixture
def member(option: str) -> Iterator[Callable[..., Member]]:
    """Makes members of one fleet."""
    made: list[Member] = []

    def make(host: str = "web-1", **options: Any) -> Member:
        made.append(Member(option, host, **options))
        return made[-1]

    yield make
    for one in made:
        one.state.close(1.0)
