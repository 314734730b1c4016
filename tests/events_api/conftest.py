from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.retrying import Retry
from tests.events_api.scripted_server import KEY, ScriptedServer, Step, tls_of


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy, CA bundle or address of the machine's own take part in a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("PAGERDUTY_") or name.endswith("CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start scripted servers, and stop them when the test is over."""
    with ExitStack() as servers:

        def start(*script: Step, tls: ssl.SSLContext | None = None) -> ScriptedServer:
            server: ScriptedServer = servers.enter_context(ScriptedServer(*script, tls=tls))
            return server

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., EventsClient]]:
    """Make clients that retry at once, and close them when the test is over."""
    with ExitStack() as clients:

        def make(server: ScriptedServer | str, **options: Any) -> EventsClient:
            base_url = server if isinstance(server, str) else server.url
            options.setdefault("timeout", 10.0)
            options.setdefault("retry", Retry(initial=0.0, maximum=0.0, max_age=30.0))
            return clients.enter_context(EventsClient(KEY, base_url=base_url, **options))

        yield make


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def good_tls(authority: trustme.CA) -> ssl.SSLContext:
    return tls_of(authority.issue_cert("127.0.0.1", "localhost", "pagerduty.test"))
