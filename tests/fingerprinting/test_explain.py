"""The `explain` command."""

import argparse
import io
import json

import pytest

from pagerduty_logging.cli import explain
from pagerduty_logging.fingerprinting import Rule, explain_source, fingerprint
from tests.fingerprinting import fingerprinting_call_sites as sites
from tests.fingerprinting.fingerprinting_records import logged

[RECORD] = logged(sites.fstring, "alice")
PLACE = f"{RECORD.pathname}:{RECORD.lineno}"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command with ARGUMENTS and STDIN: (exit code, stdout, stderr)."""

    def command(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        parser = argparse.ArgumentParser()
        explain.add_parser(parser.add_subparsers()).set_defaults(run=explain.run)
        try:
            args = parser.parse_args(["explain", *arguments])
            code = args.run(args)
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return command


def test_a_place_is_explained(run):
    code, out, _ = run(PLACE)
    assert code == 0
    assert "User {} not found in ledger" in out
    assert "source" in out


def test_a_place_with_a_message_is_explained(run):
    _, out, _ = run(PLACE, "--json", stdin="User bob not found in ledger\n")
    assert json.loads(out)["rule"] == "source"
    _, out, _ = run(PLACE, "--json", stdin="Something else 17\n")
    assert json.loads(out) | {"why": ""} == {
        "template": "Something else <*>",
        "rule": "mask",
        "joined": ["module=fingerprinting_call_sites"],
        "why": "",
    }


def test_a_message_alone_is_explained(run):
    assert "payment <*> failed" in run(stdin="payment 17 failed\n")[1]


def test_the_key_is_the_one_that_a_record_gets(run):
    _, out, _ = run(PLACE, "--json", "--logger", RECORD.name)
    assert json.loads(out)["key"] == fingerprint(RECORD)


def test_a_line_without_a_template_is_one(run):
    code, out, err = run(f"{RECORD.pathname}:1")
    assert (code, out) == (1, "")
    assert "masked" in err


@pytest.mark.parametrize("arguments", [["nowhere.py:1"], ["app.py"], ["app.py:0"], ["app.py:x"], []])
def test_wrong_use_is_two(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_explain_source_without_a_template_is_none():
    assert explain_source("/nonexistent.py", 1) is None
    found = explain_source(RECORD.pathname, RECORD.lineno)
    assert found is not None
    assert found.rule is Rule.SOURCE
