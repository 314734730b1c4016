"""`check` where there are certificates and proxies on the way."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from pagerduty_logging.events_api.clock import monotonic
from tests.events_api.scripted_server import KEY, Proxy, ScriptedServer, accept, drips

Serve = Callable[..., ScriptedServer]


@pytest.fixture
def check(command, monkeypatch: pytest.MonkeyPatch):
    """Runs `check` against an address: (exit code, {step: (ok, detail)})."""
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", KEY)

    def run(url: str):
        ran = command("check", "--json", "--timeout", "10", "--base-url", url)
        told = {step["step"]: (step["ok"], step["detail"]) for step in json.loads(ran.out)["steps"]}
        return ran.code, told

    return run


@pytest.fixture
def trusted(ca_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))


def basic(user: str) -> str:
    return f"Basic {base64.b64encode(user.encode()).decode()}"


def test_a_trusted_certificate_is_reported(
    check, serve: Serve, good_tls: ssl.SSLContext, trusted: None
) -> None:
    code, told = check(serve(accept, accept, tls=good_tls).url)
    ok, detail = told["TLS"]
    assert (code, ok) == (0, True)
    assert detail.startswith("TLSv1.3, certified by trustme")


def test_a_certificate_that_is_not_trusted_is_reported(check, serve: Serve, good_tls: ssl.SSLContext) -> None:
    code, told = check(serve(tls=good_tls).url)
    assert code == 1
    assert told["TLS"][0] is False
    assert told["TLS"][1].startswith("the certificate is not trusted: ")
    assert told["answer"][0] is False


def test_a_directory_of_authorities_is_looked_into(
    check, serve: Serve, good_tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert check(serve(tls=good_tls).url)[1]["TLS"][0] is False


def elsewhere(server: ScriptedServer) -> str:
    """Return the server's address by a name that only a proxy can resolve."""
    return server.url.replace("127.0.0.1", "pagerduty.test")


def test_this_machine_is_looked_at_without_a_proxy(
    check, serve: Serve, good_tls: ssl.SSLContext, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    code, told = check(serve(accept, accept, tls=good_tls).url)
    assert code == 0
    assert told["proxy"] == (True, "none")


@pytest.mark.parametrize("user", [None, "user:secret"])
def test_a_proxy_is_gone_through(
    check,
    serve: Serve,
    good_tls: ssl.SSLContext,
    trusted: None,
    monkeypatch: pytest.MonkeyPatch,
    user: str | None,
) -> None:
    with Proxy(user and basic(user)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}@127.0.0.1:{proxy.port}".replace("None@", ""))
        code, told = check(elsewhere(serve(accept, accept, tls=good_tls)))
    assert code == 0
    assert told["proxy"] == (True, f"http://127.0.0.1:{proxy.port}")
    assert told["tunnel"][0]
    assert told["TLS"][0]


def test_a_proxy_that_refuses_is_reported_without_its_password(
    check, serve: Serve, good_tls: ssl.SSLContext, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(basic("user:secret")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:wrongpass@127.0.0.1:{proxy.port}")
        code, told = check(elsewhere(serve(accept, tls=good_tls)))
    assert code == 1
    assert told["tunnel"][0] is False
    assert "407" in told["tunnel"][1]
    assert "wrongpass" not in str(told)


def test_behind_a_socks_proxy_only_the_answer_counts(check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:9")
    code, told = check("https://pagerduty.invalid")
    assert code == 1
    assert told["proxy"] == (True, "socks5://127.0.0.1:9")
    assert list(told)[3:] == ["answer"]


def test_a_proxy_that_answers_byte_by_byte_is_not_waited_for_longer_than_timeout(
    command, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", KEY)
    slow = drips(b"HTTP/1.1 200 " + b"x" * 10_000)
    monkeypatch.setenv("HTTPS_PROXY", serve(slow, slow).url)
    since = monotonic()
    ran = command("check", "--json", "--timeout", "0.5", "--base-url", "https://pagerduty.test")
    assert monotonic() - since < 10
    assert ran.code == 1
    steps = {step["step"]: step["ok"] for step in json.loads(ran.out)["steps"]}
    assert (steps["connection"], steps["tunnel"], steps["answer"]) == (True, False, False)
