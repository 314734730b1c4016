"""Clients that nobody here wrote page into the sandbox: it must please them all."""

import gc
import json
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from pagerduty_logging.sandbox import Sandbox
from tests.ports import free_port

official = pytest.importorskip("pagerduty", reason="needs the dependency group clients")

# Foreign code: what it imports, and when it closes its connections, is not ours to judge.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROUTING_KEY = "e93facc04764012d7bfb002500d5d1a6"
LIMIT = 60  # seconds for a foreign process


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(tls=True) as sandbox:
        yield sandbox


@pytest.fixture
def pagerduty(shared: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that speaks https, and an environment that trusts it as its command says."""
    assert shared.ca_file is not None
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(name, shared.ca_file)
    shared.clear()
    return shared


@pytest.fixture(autouse=True)
def _leaves_nothing_to_later_tests() -> Iterator[None]:
    """A connection that a foreign client left open warns when it is collected: here that is allowed."""
    yield
    gc.collect()


def statuses(sandbox: Sandbox) -> list[int | None]:
    return [request.status for request in sandbox.requests]


def test_pagerdutys_python_client(pagerduty: Sandbox) -> None:
    client = official.EventsApiV2Client(ROUTING_KEY, base_url=pagerduty.url)
    key = client.trigger("from Python", "host-1", severity="critical", custom_details={"rows": [1, 2]})
    assert client.acknowledge(key) == key
    assert client.resolve(key) == key
    client.send_change_event({"summary": "deployed", "source": "ci"}, [{"href": "https://x", "text": "x"}])
    (alert,) = pagerduty.alerts
    assert (alert.summary, alert.state, alert.custom_details) == ("from Python", "resolved", {"rows": [1, 2]})
    assert [change.summary for change in pagerduty.changes] == ["deployed"]
    with pytest.raises(official.Error):
        client.trigger("x" * 1025, "host-1")
    assert statuses(pagerduty) == [202, 202, 202, 202, 400]


PDJS = """
const {event, acknowledge, resolve, change} = require("@pagerduty/pdjs");
const [server, routing_key] = process.argv.slice(2);
const payload = {summary: "from JavaScript", source: "node", severity: "error"};
const told = [];
const tell = (answer) => told.push([answer.status, answer.data]);
(async () => {
  tell(await event({server, data: {routing_key, event_action: "trigger", dedup_key: "js", payload}}));
  tell(await acknowledge({server, data: {routing_key, dedup_key: "js"}}));
  tell(await resolve({server, data: {routing_key, dedup_key: "js"}}));
  tell(await change({server, data: {routing_key, payload: {summary: "deployed", source: "ci"}}}));
  tell(await event({server, data: {routing_key, event_action: "trigger", payload: {summary: "x"}}}));
  console.log(JSON.stringify(told));
})();
"""


def test_pagerdutys_javascript_client(pagerduty: Sandbox, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (npm and node):
        pytest.skip("needs npm and node")
    install = [npm, "install", "--no-fund", "--no-audit", "--no-save", "@pagerduty/pdjs@2"]
    # Not to trust the sandbox alone: npm has to reach its registry.
    installed = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    if installed.returncode:
        pytest.skip(f"npm cannot install @pagerduty/pdjs: {installed.stderr.strip()}")
    (tmp_path / "page.js").write_text(PDJS)
    server = pagerduty.url.removeprefix("https://")
    ended = subprocess.run(
        [node, "page.js", server, ROUTING_KEY], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert [status for status, _ in told] == [202, 202, 202, 202, 400]
    assert told[0][1] == {"status": "success", "message": "Event processed", "dedup_key": "js"}
    assert told[4][1]["errors"] == [
        "'payload.source' is missing or blank",
        "'payload.severity' is missing or blank",
    ]
    assert pagerduty.alert("js").state == "resolved"


def test_apprise(pagerduty: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    import apprise
    from apprise.plugins import pagerduty as plugin

    monkeypatch.setitem(plugin.PAGERDUTY_API_LOOKUP, plugin.PagerDutyRegion.US, f"{pagerduty.url}/v2/enqueue")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    service = apprise.Apprise(f"pagerduty://{ROUTING_KEY}@apikey/shop/checkout?region=us")
    assert service.notify(title="The shop is closed", body="nobody can pay", notify_type="failure")
    assert statuses(pagerduty) == [202]
    (alert,) = pagerduty.alerts
    assert "The shop is closed" in alert.summary
    assert alert.severity in ("critical", "error")


def test_notifiers(pagerduty: Sandbox) -> None:
    from notifiers.providers.pagerduty import PagerDuty

    class Provider(PagerDuty):
        base_url = f"{pagerduty.url}/v2/enqueue"

    event: dict[str, Any] = {"routing_key": ROUTING_KEY, "source": "cron", "severity": "warning"}
    answer = Provider().notify(
        message="from notifiers", event_action="trigger", dedup_key="notifiers", **event
    )
    assert answer.ok, answer.errors
    assert pagerduty.alert("notifiers").summary == "from notifiers"
    refused = Provider().notify(message="x" * 1025, event_action="trigger", **event)
    assert not refused.ok
    assert "too long" in str(refused.errors)


ALERTMANAGER = """
global:
  resolve_timeout: 1s
  pagerduty_url: {url}/v2/enqueue
  http_config:
    tls_config: {{ca_file: {ca_file}}}
route: {{receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: pager
  pagerduty_configs:
  - routing_key: {key}
    send_resolved: true
    links: [{{href: "https://grafana.example.com", text: Dashboard}}]
"""


@pytest.fixture
def alertmanager(pagerduty: Sandbox, tmp_path: Path) -> Iterator[str]:
    """The address of an Alertmanager that pages into the sandbox."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("needs Prometheus Alertmanager (Debian: prometheus-alertmanager)")
    config = ALERTMANAGER.format(url=pagerduty.url, ca_file=pagerduty.ca_file, key=ROUTING_KEY)
    (tmp_path / "alertmanager.yml").write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def post_when_ready(url: str, alerts: list[dict[str, Any]]) -> None:
    patience = requests.adapters.HTTPAdapter(
        max_retries=urllib3.Retry(LIMIT, backoff_factor=0.1, backoff_max=0.5, allowed_methods=None)
    )
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", patience)
        session.post(f"{url}/api/v2/alerts", json=alerts, timeout=LIMIT).raise_for_status()


def test_prometheus_alertmanager(alertmanager: str, pagerduty: Sandbox) -> None:
    alert = {
        "labels": {"alertname": "DiskFull", "severity": "critical", "instance": "db1"},
        "annotations": {"summary": "Disk is full on db1"},
    }
    post_when_ready(alertmanager, [alert])
    pagerduty.wait_for(2, LIMIT)
    (paged,) = pagerduty.alerts
    assert "DiskFull" in paged.summary
    assert paged.state == "resolved"
    assert paged.links == ({"href": "https://grafana.example.com", "text": "Dashboard"},)
    assert statuses(pagerduty) == [202, 202]
