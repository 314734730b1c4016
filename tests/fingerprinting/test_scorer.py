"""The figures of the documentation, on a part of the data small enough for every run."""

import importlib
import pathlib
import subprocess
import sys

import pytest

SCORER = pathlib.Path(__file__).resolve().parents[3] / "shared" / "fingerprint"
FUNCTION = "pagerduty_logging.fingerprinting:fingerprint"

pytestmark = pytest.mark.skipif(
    not (SCORER / "live.py").exists(), reason="the scorer is not beside this checkout"
)


@pytest.fixture
def scorer(monkeypatch):
    monkeypatch.syspath_prepend(str(SCORER))
    return importlib.import_module


def test_every_shape_of_live_call_has_one_key():
    done = subprocess.run(
        [sys.executable, "live.py", FUNCTION],
        cwd=SCORER,
        env={"PYTHONPATH": str(pathlib.Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0 of 19 cases failed" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the scorer needs Python 3.12")
def test_messages_without_a_source_group_as_their_authors_meant(scorer):
    from pagerduty_logging.fingerprinting import fingerprint

    loghub = scorer("loghub")
    systems = ["HDFS", "Zookeeper", "BGL", "Linux", "Android", "HealthApp", "Proxifier", "Apache"]
    scores = loghub.score(fingerprint, SCORER / "data" / "loghub_2k", systems)
    assert loghub.mean(scores, "GA", systems) >= 0.93
    assert loghub.mean(scores, "FGA", systems) >= 0.90


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the scorer needs Python 3.12")
def test_harvested_call_sites_have_one_key_each(scorer, tmp_path):
    from pagerduty_logging.fingerprinting import fingerprint

    harvest, callsites = scorer("harvest"), scorer("callsites")
    app = tmp_path / "repo" / "app.py"
    app.parent.mkdir()
    app.write_text(
        (pathlib.Path(__file__).parent / "fingerprinting_call_sites.py").read_text("utf-8"), "utf-8"
    )
    sites = [s for s in harvest.harvest(tmp_path) if s["kind"] in harvest.INTERPOLATED]
    assert len(sites) >= 12
    for through in (lambda record: record, callsites.queued):
        rows, _, _ = callsites.score(fingerprint, sites, "dev", tmp_path, through)
        for row in rows["interpolated"]["repo"]:
            assert row["clean"]
            assert row["agree"]
