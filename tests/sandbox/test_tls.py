"""A sandbox that speaks https."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme

from pagerduty_logging import EventsClient
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Hang, Reset, Sandbox
from tests.sandbox.sandbox_client import Sender, trigger


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(tls=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Sandbox) -> Sandbox:
    shared.clear()
    return shared


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = sandbox.ca_file
        yield session


def test_a_client_that_trusts_it_pages(sandbox: Sandbox, session: requests.Session) -> None:
    assert sandbox.url.startswith("https://127.0.0.1:")
    assert Sender(sandbox, session)(trigger()).status_code == 202
    assert session.get(sandbox.url.replace("127.0.0.1", "localhost"), timeout=30).ok
    with EventsClient(EXAMPLE_ROUTING_KEY, base_url=sandbox.url, session=session) as client:
        client.trigger("over https", dedup_key="ours")
    assert sandbox.alert("ours").state == "triggered"


def test_a_client_that_does_not_trust_it_refuses(sandbox: Sandbox) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(sandbox.url, timeout=30)
    assert sandbox.requests == ()


def test_its_own_page_may_press_buttons(sandbox: Sandbox, session: requests.Session) -> None:
    Sender(sandbox, session)(trigger())
    path = f"/alerts/{sandbox.alerts[0].number}/resolve"
    assert session.post(sandbox.url + path, headers={"Origin": sandbox.url}, timeout=30).ok
    assert sandbox.alerts[0].state == "resolved"


def test_the_empty_inbox_says_how_to_trust_it(sandbox: Sandbox, session: requests.Session) -> None:
    assert f"--cacert {sandbox.ca_file}" in session.get(sandbox.url, timeout=30).text


def test_a_client_that_sends_no_greeting_delays_no_other(sandbox: Sandbox, session: requests.Session) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as odd:
        odd.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert Sender(sandbox, session)(trigger()).status_code == 202


def test_faults_work_over_https_too(sandbox: Sandbox, session: requests.Session) -> None:
    sandbox.fail_next(Reset(after_accepting=True))
    with pytest.raises(requests.ConnectionError):
        Sender(sandbox, session)(trigger())
    sandbox.wait_for(1)


def test_stopping_ends_what_hangs() -> None:
    sandbox = Sandbox(tls=True).start()
    sandbox.fail_next(Hang())
    port = int(sandbox.url.rpartition(":")[2])
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=True) as connection,
    ):
        connection.sendall(b"POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        sandbox.wait_until(lambda: sandbox.requests)
        sandbox.stop()
        assert connection.recv(1) == b""


def test_news_come_over_https_too_and_end_with_the_sandbox() -> None:
    with requests.Session() as session, Sandbox(tls=True) as sandbox:
        session.trust_env = False
        session.verify = sandbox.ca_file
        with session.get(f"{sandbox.url}/live", stream=True, timeout=30) as stream:
            news = stream.iter_lines(chunk_size=1)
            assert next(line for line in news if line.startswith(b"data: "))
            Sender(sandbox, session)(trigger())
            assert next(line for line in news if line.startswith(b"data: "))
            sandbox.stop()
            assert list(news) == [b""]


def test_the_authoritys_file_goes_with_the_sandbox() -> None:
    program = (
        "from pagerduty_logging.sandbox import Sandbox\n"
        "with Sandbox(tls=True) as sandbox: print(sandbox.ca_file)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip().endswith(".pem")
    assert not os.path.exists(ended.stdout.strip())


def test_a_certificate_that_the_user_gives(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Sandbox(tls=(tmp_path / "cert.pem", tmp_path / "key.pem")) as sandbox:
        assert sandbox.ca_file is None
        assert requests.get(sandbox.url, verify=str(tmp_path / "ca.pem"), timeout=30).ok


def test_without_trustme_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['trustme'] = None; from pagerduty_logging.cli import main; "
        "sys.exit(main(['sandbox', '--tls']))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == (
        'pagerduty-logging: https needs trustme: pip install "pagerduty-logging[sandbox]"\n'
    )
