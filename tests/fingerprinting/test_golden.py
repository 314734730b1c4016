"""The scheme is a wire format."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from pagerduty_logging.fingerprinting import SCHEME, explain, fingerprint
from tests.fingerprinting.fingerprinting_records import golden

WHY = """
The keys of these records have changed.

A dedup key is a wire format: alerts that are open at PagerDuty under the old keys will never be
resolved or repeated into by a release that computes new ones; every team that upgrades is paged
again for what it already knows, and closes the old incidents by hand. So do not edit
fingerprints.json to make this test pass. If the change is worth that price, give
`SCHEME` a new version in the same commit, say so in the changelog, and only then write the file
again. New records may be added at any time.
"""

PROGRAM = """
import hashlib
from tests.fingerprinting.fingerprinting_records import golden
from pagerduty_logging.fingerprinting import fingerprint
print(hashlib.sha256(repr([fingerprint(r) for _, r in golden()]).encode()).hexdigest())
"""


def test_no_key_has_changed():
    entries = list(golden())
    assert len(entries) >= 200
    changed = []
    for entry, record in entries:
        found = explain(record)
        got = {
            "rule": found.rule.value,
            "template": found.template,
            "joined": list(found.joined),
            "key": found.key,
        }
        expected = {name: entry[name] for name in got}
        if got != expected:
            changed.append(f"{entry.get('call') or entry['message']!r}: {expected} is now {got}")
    assert not changed, WHY + "\n".join(changed[:5])


def test_every_golden_key_is_of_this_scheme():
    assert all(entry["key"].startswith(SCHEME + "-") for entry, _ in golden()), WHY


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0", "LC_ALL": "C", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "4242", "LC_ALL": "C.UTF-8"},
        {"PYTHONHASHSEED": "1", "LC_ALL": "tr_TR.UTF-8", "PYTHONOPTIMIZE": "2"},
    ],
    ids=lambda e: e["LC_ALL"],
)
def test_other_processes_locales_and_hash_seeds_make_the_same_keys(environment):
    here = hashlib.sha256(repr([fingerprint(r) for _, r in golden()]).encode()).hexdigest()
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": str(root)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == here, done.stderr


def test_the_golden_file_is_plain_json_with_one_record_a_line():
    path = pathlib.Path(__file__).parent / "fingerprints.json"
    lines = path.read_text("ascii").splitlines()
    assert len(json.loads("\n".join(lines))) == len(lines) - 2
