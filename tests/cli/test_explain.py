"""The `explain` command."""

import argparse
import io
import json
import logging

import pytest

from pagerduty_logging.cli import explain
from pagerduty_logging.fingerprinting import Fingerprinter, Rule, explain_source, fingerprint
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
        "joined": ["function=fstring", "module=fingerprinting_call_sites"],
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


def test_a_message_alone_has_no_key_because_its_line_is_unknown(run):
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


def test_a_file_that_is_not_python_is_explained_as_far_as_its_line_can_be_read(run, tmp_path):
    shop = tmp_path / "shop.py"
    shop.write_text('this is no python\n\n\ndef pay():\n    logger.error("payment %s failed", 1)\n')
    code, out, _ = run(f"{shop}:5", "--json")
    assert (code, json.loads(out)["template"]) == (0, "payment %s failed")


SHAPES = [
    'logging.getLogger("shop.billing").error("bill %s", 1)',
    'logging.getLogger("shop.billing.with.a.very.long.name").error("bill %s", number)',
    'logging.getLogger("shop.billing").getChild("a longer name than that").error(f"bill {number} is odd")',
    'logging.getLogger("a longer name than the message").error("failed: %s", number)',
    'log.error("bill %s of %s", number, "a text that is longer than the template")',
    'log.error("bill %s", lookup("a text that is longer than the template"))',
    'log.error("bill", extra={"order": "a text that is longer than the template"})',
    'log.error("bill %s", number, extra={"words": f"of another {number} template that is longer"})',
    'log.error("bill %(id)s of %(who)s", {"id": number, "who": "somebody with a long name"})',
    'log.log(logging.ERROR, "bill %s", number)',
    'log.log(msg="bill is lost", level=logging.ERROR)',
    'log.error(msg="bill is lost", stacklevel=1)',
    'log.error(msg=f"bill {number} is lost", extra={"name_of_it": "a text that is longer"})',
    'log.error("bill {} is lost".format(number))',
    'log.error("bill %s is lost" % number)',
    'log.error("bill %s is lost" % lookup("a text that is longer than the template"))',
    'log.error("bill " + str(number) + " is lost")',
    'log.error("bill "\n        "is lost for %s",\n        number)',
    "log.error(f\"bill {lookup('a text that is longer than the template')} is lost\")",
    'lookup("a text that is longer than the template"); log.error("bill %s", number)',
    'log.info("bill %s is a text that is longer", number); log.error("bill %s", number)',
    'log.error("bill %s", number) if number else lookup("a text that is longer than the template")',
    '(log\n     .getChild("a longer name than the text")\n     .error("bill %s", number))',
    '[log.error("bill %s", n) for n in (1,)]',
    "log.error(template, number)",
    'log.critical("bill %d%% of %s", number, number)',
    'log.fatal("%s is lost", number)',
    'log.error("42")',
    'log.error("bill is lost", exc_info=False)',
    'log.error("bill %s is lost", *[number])',
    'log.error("Error: %d", 12)',
    'logging.error("bill %s", number)',
    'logging.LoggerAdapter(log, {"a": "a text that is longer than it"}).error("bill %s", number)',
]
LIVE = """\
import logging

log = logging.getLogger("shop")
template = "the bill %s"


def lookup(text):
    return 5


class Shop:
    def pay(self, number):
        {}


Shop().pay(3)
"""


@pytest.mark.parametrize("shape", SHAPES)
def test_the_key_of_a_call_is_that_of_the_record_that_it_logs(run, tmp_path, shape, monkeypatch):
    shop = tmp_path / "shop.py"
    shop.write_text(LIVE.format(shape))
    seen = []
    keep = logging.Handler(logging.ERROR)
    monkeypatch.setattr(keep, "emit", seen.append)
    logging.getLogger().addHandler(keep)
    try:
        exec(compile(shop.read_text(), shop, "exec"), {"__name__": "shop"})
    finally:
        logging.getLogger().removeHandler(keep)
    (record,) = seen
    for line in {record.lineno, 13}:
        code, out, err = run(f"{shop}:{line}", "--logger", record.name, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["key"] == fingerprint(record)
        assert json.loads(out)["template"] not in (record.name, "a text that is longer than the template")


@pytest.mark.parametrize(
    "shape",
    [
        'log.error("%s", number)',
        "log.error(number)",
        "log.error(*[number])",
        'log.error("", exc_info=True)',
        'log.exception("Error: %s", number)',
        'log.error(f"{number}")',
    ],
)
def test_no_key_is_shown_where_a_value_or_an_exception_decides_it(run, tmp_path, shape):
    shop = tmp_path / "shop.py"
    shop.write_text(LIVE.format(shape))
    code, out, err = run(f"{shop}:13", "--logger", "shop", "--json")
    assert code == 1
    assert "key" not in (json.loads(out) if out else {})
    assert err


def test_each_text_that_a_line_can_log_is_explained(run, tmp_path):
    shop = tmp_path / "shop.py"
    shop.write_text('log.error("bill is lost" if a else "bill is late"); log.error("bill is paid twice")\n')
    code, out, _ = run(f"{shop}:1", "--logger", "shop", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [each["template"] for each in found] == ["bill is lost", "bill is late", "bill is paid twice"]
    assert len({each["key"] for each in found}) == 3
    assert "\n\n" in run(f"{shop}:1")[1]


def test_environment_and_client_join_the_key_as_a_handler_has_them(run, monkeypatch):
    monkeypatch.setenv("APP_ENV", "production")
    _, out, _ = run(PLACE, "--json", "--logger", RECORD.name, "--client", "Shop")
    expected = Fingerprinter(environment="production", client="Shop")(RECORD)
    assert json.loads(out)["key"] == expected
    monkeypatch.delenv("APP_ENV")
    _, out, _ = run(
        PLACE, "--json", "--logger", RECORD.name, "--client", "Shop", "--environment", "production"
    )
    assert json.loads(out)["key"] == expected


@pytest.mark.parametrize("arguments", [["nowhere.py:1"], ["app.py"], ["app.py:0"], ["app.py:x"], []])
def test_wrong_use_is_two(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(("usage: ", "pagerduty-logging: ")), (
        "it says who speaks, as the other subcommands do"
    )


def test_explain_source_without_a_template_is_none():
    assert explain_source("/nonexistent.py", 1) is None
    found = explain_source(RECORD.pathname, RECORD.lineno)
    assert found is not None
    assert found.rule is Rule.SOURCE
