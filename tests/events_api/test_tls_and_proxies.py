"""The way to PagerDuty: certificates, proxies and what the environment says about them."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter

from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.errors import ApiError, EventsError, NetworkError
from pagerduty_logging.events_api.events import Trigger
from tests.events_api.scripted_server import (
    KEY,
    Proxy,
    ScriptedServer,
    accept,
    drips,
    hangs,
    hangs_up,
    resets,
    resets_unread,
    then,
    tls_of,
)

Serve = Callable[..., ScriptedServer]
Connect = Callable[..., EventsClient]


def failure(client: EventsClient) -> EventsError:
    with pytest.raises(EventsError) as caught:
        client.check()
    return caught.value


def elsewhere(server: ScriptedServer) -> str:
    """Return the server's address by a name that only a proxy can resolve."""
    return server.url.replace("127.0.0.1", "pagerduty.test")


# --- TLS -------------------------------------------------------------------------------------------


def test_a_certificate_of_an_unknown_authority_gets_no_byte_of_the_event(
    serve: Serve, connect: Connect, good_tls: ssl.SSLContext
) -> None:
    server = serve(tls=good_tls)
    error = failure(connect(server))
    assert type(error) is NetworkError
    assert "certificate verify failed" in str(error)
    assert server.requests == []
    assert server.connections == 1


@pytest.mark.parametrize("fault", ["expired", "another host's"])
def test_a_bad_certificate_gets_no_byte_of_the_event(
    serve: Serve,
    connect: Connect,
    authority: trustme.CA,
    ca_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    if fault == "expired":
        certificate = authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    else:
        certificate = authority.issue_cert("example.com")
    server = serve(tls=tls_of(certificate))
    error = failure(connect(server))
    assert type(error) is NetworkError
    assert "certificate" in str(error).lower()
    assert server.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_of_the_environments_is_trusted_from_then_on(
    serve: Serve,
    connect: Connect,
    good_tls: ssl.SSLContext,
    ca_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    server = serve(tls=good_tls)
    client = connect(server)
    assert isinstance(failure(client), NetworkError)
    monkeypatch.setenv(variable, str(ca_bundle))
    client.trigger("the certificate is good now")
    client.trigger("and its connection is kept")
    assert [event["payload"]["summary"] for event in server.events] == [
        "the certificate is good now",
        "and its connection is kept",
    ]
    assert server.connections == 2


def test_an_authority_of_the_session_wins_over_the_environments(
    serve: Serve, good_tls: ssl.SSLContext, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    server = serve(tls=good_tls)
    with requests.Session() as session:
        session.verify = str(ca_bundle)
        EventsClient(KEY, base_url=server.url, session=session).trigger("trusted")
    assert len(server.requests) == 1


def test_an_adapter_given_by_the_user_is_used(
    serve: Serve, good_tls: ssl.SSLContext, ca_bundle: Path
) -> None:
    context = ssl.create_default_context(cafile=str(ca_bundle))

    class Pinned(HTTPAdapter):
        def init_poolmanager(self, *args: object, **options: object) -> None:
            super().init_poolmanager(*args, ssl_context=context, **options)  # type: ignore[arg-type]

        def build_connection_pool_key_attributes(self, request, verify, cert=None):  # type: ignore[no-untyped-def]
            host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
            return host, pool | {"ssl_context": context}

    server = serve(tls=good_tls)
    with requests.Session() as session:
        session.mount("https://", Pinned())
        # By name: urllib3 1.26 gives a context of the user's no address to compare with the certificate.
        url = server.url.replace("127.0.0.1", "localhost")
        EventsClient(KEY, base_url=url, session=session).trigger("trusted")
    assert len(server.requests) == 1


def test_a_ca_bundle_that_is_not_there_is_reported(
    serve: Serve, connect: Connect, good_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    error = failure(connect(serve(tls=good_tls)))
    assert type(error) is NetworkError
    assert "/nowhere/ca.pem" in str(error)


@pytest.mark.parametrize("step", [hangs, drips(b"HTTP/1.1 202 Accepted" + b" " * 1000)])
def test_the_deadline_holds_over_tls(
    serve: Serve,
    connect: Connect,
    good_tls: ssl.SSLContext,
    ca_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[..., None],
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    server = serve(step, accept, tls=good_tls)
    client = connect(server, timeout=0.3)
    assert type(failure(client)) is NetworkError
    EventsClient(KEY, base_url=server.url).check()


def test_a_port_that_does_not_speak_tls_is_reported(serve: Serve, connect: Connect) -> None:
    server = serve(resets_unread)
    error = failure(connect(server.url.replace("http:", "https:")))
    assert type(error) is NetworkError


def test_a_handshake_that_is_never_answered_ends_at_the_deadline(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(connect(f"https://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3))
    assert type(error) is NetworkError
    assert "timed out" in str(error)


def test_a_large_event_goes_over_tls_whole_and_a_broken_kept_connection_costs_nothing(
    serve: Serve, connect: Connect, good_tls: ssl.SSLContext, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    server = serve(accept, resets, then(accept, hangs_up), tls=good_tls)
    client = connect(server)
    details = {str(n): "x" * 10_000 for n in range(50)}
    client.trigger("large", custom_details=details)
    client.post(encode(Trigger("large", custom_details=details)))
    client.check()
    assert [len(body) > 500_000 for body in server.bodies] == [True, True, True, False]
    assert server.connections == 3


# --- proxies ---------------------------------------------------------------------------------------


def test_a_proxy_of_the_environments_is_used_for_https_by_a_tunnel(
    serve: Serve, connect: Connect, good_tls: ssl.SSLContext, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    server = serve(tls=good_tls)
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        client = connect(f"https://pagerduty.test:{server.port}")
        client.trigger("through the tunnel")
        client.trigger("and again")
        assert proxy.asked == [f"CONNECT pagerduty.test:{server.port} HTTP/1.1"] or proxy.asked == [
            f"CONNECT pagerduty.test:{server.port} HTTP/1.0"
        ]
        client.close()
    assert len(server.requests) == 2


def test_a_proxy_of_the_environments_forwards_plain_http(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with connect(f"http://pagerduty.test:{server.port}", allow_http=True) as client:
            client.trigger("forwarded")
        assert proxy.asked == [f"POST http://pagerduty.test:{server.port}/v2/enqueue HTTP/1.1"]
    assert len(server.requests) == 1


def test_no_proxy_is_honoured(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    with Proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "pagerduty.test")
        with connect(elsewhere(server), allow_http=True, timeout=2.0) as client:
            assert isinstance(failure(client), NetworkError), "a name that is nobody's"
        assert proxy.connections == 0


LOOPBACK = ["127.0.0.1", "localhost", "LOCALHOST."]


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_this_machine_is_reached_without_the_environments_proxy(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, host: str, variable: str
) -> None:
    server = serve()
    with Proxy() as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        with connect(f"http://{host}:{server.port}") as client:
            client.trigger("directly")
        assert proxy.connections == 0
    assert len(server.requests) == 1


def test_this_machine_is_reached_without_the_sessions_proxy(serve: Serve) -> None:
    server = serve()
    with Proxy() as proxy, requests.Session() as session:
        session.proxies = {"all": f"http://127.0.0.1:{proxy.port}"}
        EventsClient(KEY, base_url=server.url, session=session).trigger("directly")
        assert proxy.connections == 0
    assert len(server.requests) == 1


def test_plain_http_through_a_proxy_needs_the_users_consent_like_any_other(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ValueError, match="base_url is plain http"):
        connect("http://pagerduty.test")


def test_a_proxy_of_the_session_wins_over_the_environments(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with Proxy() as proxy, Proxy() as other, requests.Session() as session:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{other.port}")
        session.proxies = {"all": f"http://127.0.0.1:{proxy.port}"}
        url = f"http://pagerduty.test:{server.port}"
        EventsClient(KEY, base_url=url, allow_http=True, session=session).trigger("by the user's way")
        assert (proxy.connections, other.connections) == (1, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_gets_it_from_its_address(
    serve: Serve,
    connect: Connect,
    good_tls: ssl.SSLContext,
    ca_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_bundle))
    server = serve(tls=good_tls if scheme == "https" else None)
    with Proxy("Basic " + base64.b64encode(b"user:p@ss word").decode()) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://user:p%40ss%20word@127.0.0.1:{proxy.port}")
        with connect(elsewhere(server), allow_http=True) as client:
            client.trigger("let in")
    assert server.requests[0].headers["host"] == f"pagerduty.test:{server.port}"
    if scheme == "https":
        assert "proxy-authorization" not in server.requests[0].headers, "what is the proxy's went through"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_reported_without_its_password(
    serve: Serve, connect: Connect, good_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    server = serve(tls=good_tls if scheme == "https" else None)
    with Proxy("Basic somebody else") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://user:s3same0pen@127.0.0.1:{proxy.port}")
        error = failure(connect(elsewhere(server), allow_http=True))
    assert isinstance(error, (NetworkError, ApiError))
    assert "407" in str(error)
    assert "s3same" not in str(error)
    assert server.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3same0pen@127.0.0.1:1",
        "http://user:s3same0pen@no-such-proxy.invalid:3128",
        "http://user:s3same0pen@",
        "http://user:s3same0pen@[::1",
        "http://user:s3same/0pen@127.0.0.1:1",
        "http://user:s3same0pen@127.0.0.1:99999999",
        "user:s3same0pen@127.0.0.1:x",
        "socks5://user:s3same0pen@127.0.0.1:1",
        "https://user:s3same0pen@127.0.0.1:1",
    ],
)
def test_a_proxy_that_cannot_be_reached_is_reported_without_its_password(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", address)
    error = failure(connect(elsewhere(serve()), allow_http=True, timeout=2.0))
    assert type(error) is NetworkError
    assert "s3same" not in str(error)
    assert "0pen" not in str(error)


def test_a_tunnel_that_hangs_ends_at_the_deadline(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert type(failure(connect("https://pagerduty.test", timeout=0.3))) is NetworkError


def test_a_netrc_file_gives_nothing_away(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password netrc-password\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve()
    connect(server).trigger("anonymous")
    with requests.Session() as session:
        EventsClient(KEY, base_url=server.url, session=session).trigger("anonymous too")
    assert all("authorization" not in request.headers for request in server.requests)


def test_credentials_of_the_session_are_used(serve: Serve) -> None:
    server = serve()
    with requests.Session() as session:
        session.auth = ("gateway", "pass")
        EventsClient(KEY, base_url=server.url, session=session).trigger("through a gateway")
    assert server.requests[0].headers["authorization"].startswith("Basic ")
