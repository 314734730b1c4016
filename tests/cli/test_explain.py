"""The `explain` command."""

import argparse
import io
import json
import logging

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


LINES = {
    'logger.error("payment %s failed", 1)': 0,
    'logger.error(f"payment {1} failed")': 0,
    'self.log.log(40, "payment %s failed", 1)': 0,
    'return logger.error("payment %s failed", 1)': 0,
    'structlog.get_logger().bind(order=1).error("payment failed")': 0,
    'await log.aerror("payment failed")': 0,
    'raise ValueError("no pears left")': 1,
    'raise ValueError(f"no pears left for {1}") from None': 1,
    'return "payment {} failed".format(1)': 1,
    'return gettext("payment failed")': 1,
    'text = gettext("payment failed")': 1,
    'assert order, describe("payment failed")': 1,
    'print("payment failed")': 1,
    'parser.error("payment failed")': 1,
    'messages.error(request, "payment failed")': 1,
    'warnings.warn("payment failed")': 1,
    "# payment failed": 1,
    "": 1,
}


@pytest.mark.parametrize("line", LINES)
def test_only_a_line_that_logs_is_explained(run, tmp_path, line):
    shop = tmp_path / "shop.py"
    shop.write_text(f"async def pay(order):\n    {line}\n    pass\n")
    code, out, err = run(f"{shop}:2", "--logger", "shop", "--json")
    assert code == LINES[line]
    if code == 0:
        assert "payment" in json.loads(out)["template"]
        assert json.loads(out)["key"].startswith("pdl2-")
        assert err == ""
    else:
        assert out == ""
        assert f"{shop}:2" in err


def test_the_lines_of_a_call_of_several_lines_belong_to_it(run, tmp_path):
    shop = tmp_path / "shop.py"
    shop.write_text('logger.error(\n    "payment %s failed",\n    order,\n)\n')
    answers = {run(f"{shop}:{line}", "--logger", "shop", "--json")[:2] for line in (1, 2, 3)}
    assert len(answers) == 1
    assert answers.pop()[0] == 0


def test_a_message_alone_has_no_key_for_nothing_tells_which_line_logged_it(run):
    code, out, err = run("--logger", "shop", "--json", stdin="payment 17 failed\n")
    assert (code, json.loads(out).get("key")) == (1, None)
    assert "no key is shown" in err
    code, _, err = run(stdin="payment 17 failed\n")
    assert code == 0
    assert "FILE:LINE" in err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("logger.error(text)", 0),  # the message is all that there is
        ("logger.log(40, text)", 0),
        ('logger.error("%s", text)', 1),
        ('logger.error("no pears left")', 1),
        ("logger.exception(text)", 1),
        ("logger.error(text, exc_info=True)", 1),
        ('raise ValueError("payment 17 failed")', 1),
        ('print("payment 17 failed")', 1),
        ('warnings.warn("payment 17 failed")', 1),
    ],
)
def test_a_key_is_shown_where_it_is_the_one_of_the_alert(run, tmp_path, line, code):
    shop = tmp_path / "shop.py"
    shop.write_text(f"text = compose()\n{line}\n")
    found, out, err = run(f"{shop}:2", "--logger", "shop", "--json", stdin="payment 17 failed\n")
    assert (found, bool(err)) == (code, bool(code))
    if code == 0:
        record = logging.LogRecord("shop", logging.ERROR, str(shop), 2, "payment 17 failed", None, None)
        assert json.loads(out)["key"] == fingerprint(record)


def test_a_message_that_fits_a_wrapper_s_call_is_explained_with_a_caveat(run, tmp_path):
    shop = tmp_path / "shop.py"
    shop.write_text('report_failure("payment %s failed", order)\n')
    code, out, err = run(f"{shop}:1", "--logger", "shop", "--json", stdin="payment 17 failed\n")
    assert (code, json.loads(out)["template"]) == (0, "payment %s failed")
    assert "stacklevel" in err


def test_a_file_that_is_no_python_is_explained_as_far_as_its_line_can_be_read(run, tmp_path):
    shop = tmp_path / "shop.py"
    shop.write_text('this is no python\n\n\ndef pay():\n    logger.error("payment %s failed", 1)\n')
    code, out, _ = run(f"{shop}:5", "--json")
    assert (code, json.loads(out)["template"]) == (0, "payment %s failed")


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
