"""`pagerduty-logging rehearse`: what it prints, its exit status, and what it refuses."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import cli
from pagerduty_logging.cli.rehearse import command
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.progress import Progress
from pagerduty_logging.cli.rehearse.reader import LogReader

Run = Callable[..., tuple[int, str, str]]

LOG = (
    "".join(
        f"2026-11-29 0{hour}:{minute:02}:00,000 {'ERROR' if minute % 7 == 0 else 'INFO'} shop.feed: feed "
        f"{minute} is late\n"
        for hour in range(3)
        for minute in range(60)
    )
    + "2026-11-29 03:00:00,000 CRITICAL shop.db: no database\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(LOG)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*args: object) -> tuple[int, str, str]:
        status = cli.main(["rehearse", *map(str, args)])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def refused(run: Run, *args: object) -> str:
    """Run with a wrong use; return the one line that says what is wrong."""
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    assert err.startswith("pagerduty-logging: ")
    assert err.count("\n") == 1
    return err


def test_markdown_in_a_pipe_says_first_what_was_not_understood(log: Path, run: Run):
    log.write_text("@@ what\n" + LOG)
    status, out, _ = run(log, "--tz", "UTC")
    assert status == 0
    assert out.startswith("Read 182 lines")
    assert out.index("Not understood: 1 lines") < out.index("| events | records |")
    assert "## What would have been paged" in out
    assert "2 problems, 2 alerts" in out
    assert "While people sleep (22 to 7, UTC): 2 alerts" in out


def test_json_holds_all_of_it(log: Path, run: Run):
    status, out, _ = run(log, "--json", "--tz", "UTC")
    told = json.loads(out)
    assert status == 0
    assert told["totals"] == {
        "problems": 2, "alerts": 2, "events": told["totals"]["events"], "records": 28, "ignored": 0,
        "held_back": 28 - told["totals"]["events"], "uncertain": 1.0,
    }  # fmt: skip
    assert told["read"]["lines"] == 181
    assert told["problems"][0]["page"]["custom_details"]["logger"] == "shop.feed"


def test_csv_has_a_row_for_each_problem(log: Path, run: Run):
    _, out, _ = run(log, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["records"], row["logger"]) for row in rows] == [("27", "shop.feed"), ("1", "shop.db")]


def test_a_table_at_a_terminal(log: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pagerduty_logging.cli.output.is_terminal", lambda: True)
    _, out, _ = run(log)
    assert "events  records  first" in out
    assert "| --- |" not in out


def test_standard_input_is_read(log: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG.encode())))
    _, out, _ = run("-", "--json")
    assert json.loads(out)["totals"]["records"] == 28


def test_many_logs_are_one(log: Path, run: Run, tmp_path: Path):
    lines = LOG.splitlines(keepends=True)
    (tmp_path / "a").write_text("".join(lines[::2]))
    (tmp_path / "b").write_text("".join(lines[1::2]))
    _, whole, _ = run(log, "--json")
    _, parts, _ = run(tmp_path / "b", tmp_path / "a", "--json")
    assert json.loads(parts)["problems"] == json.loads(whole)["problems"]


@pytest.mark.parametrize(("most", "status"), [(0, 1), (1, 1), (2, 0), (20, 0)])
def test_more_alerts_than_are_allowed_fail(most: int, status: int, log: Path, run: Run):
    assert run(log, "--fail-over", most)[0] == status


def test_an_option_is_tried_beside_the_others(log: Path, run: Run):
    status, out, _ = run(log, "--set", "repeat_interval=3600", "--set", "ignore_loggers=['shop.db']")
    assert status == 0
    assert "## Compared" in out
    assert "paged only before" in out
    assert "| alerts | 2 | 1 |" in out.replace("alerts | 2 | 1 | -1", "alerts | 2 | 1 |")


def test_what_to_change_is_said_of_the_options_that_are_tried(log: Path, run: Run):
    _, out, _ = run(log, "--tz", "UTC", "--set", "max_repeat_interval=300", "--set", "follow_up=0")
    assert "`repeat_interval=3600` saves" in out
    _, out, _ = run(log, "--tz", "UTC", "--set", "repeat_interval=3600")
    assert "`repeat_interval=3600` saves" not in out


def test_saved_results_are_compared(log: Path, run: Run, tmp_path: Path):
    for name, more in (("a.json", []), ("b.json", ["--set", "min_occurrences=(3, 300)"])):
        _, out, _ = run(log, "--json", *more)
        (tmp_path / name).write_text(out)
    status, out, _ = run("--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert status == 0
    assert "paged only before" in out


def test_the_picture_is_written(log: Path, run: Run, tmp_path: Path):
    status, _, err = run(log, "--html", tmp_path / "n.html", "--svg", tmp_path / "n.svg")
    assert status == 0
    assert "<details" in (tmp_path / "n.html").read_text()
    assert (tmp_path / "n.svg").read_text().startswith("<svg")
    assert err.count("drawn") == 2


def test_incidents_judge(log: Path, run: Run, tmp_path: Path):
    (tmp_path / "i.csv").write_text(
        "start,end,title\n2026-11-29 02:59:30,2026-11-29 03:30:00,database\n2026-11-29 "
        "12:00:00,2026-11-29 13:00:00,noon\n"
    )
    _, out, _ = run(log, "--tz", "UTC", "--incidents", tmp_path / "i.csv")
    assert "1 of 2 caught; 1 of 2 alerts woke for nothing." in out
    assert "caught after 30 seconds" in out
    assert "missed" in out


def test_a_ledger_is_compared_with(log: Path, run: Run, tmp_path: Path):
    _, out, _ = run(log, "--json", "--tz", "UTC")
    events = [(e["at"], p["key"]) for p in json.loads(out)["problems"] for e in p["events"]]
    about = {"verdict": "sent", "reason": "first"}
    lines = [json.dumps({"time": at, "key": key, "event": key, **about}) for at, key in events]
    other = {"time": events[-1][0], "key": "another", "event": "another"}
    lines += [json.dumps({**other, **about})] * 2 + ["no json", json.dumps({**other, "verdict": "ignored"})]
    (tmp_path / "pages.jsonl.1").write_text("\n".join(lines[:1]))
    (tmp_path / "pages.jsonl").write_text("\n".join([*lines[1:2], *lines[3:]]))
    _, out, _ = run(log, "--tz", "UTC", "--check", tmp_path / "pages.jsonl")
    alike = len(events) - 1
    assert f"{alike} alike, 1 only rehearsed, 2 only sent: {alike / (alike + 3):.0%}" in out


def test_no_environment_and_no_key_are_needed_and_nothing_is_warned_of(
    log: Path, run: Run, recwarn: pytest.WarningsRecorder
):
    status, _, err = run(log)
    assert (status, err, list(recwarn)) == (0, "", [])


# --- the configuration ------------------------------------------------------------------------------------

CONFIG: dict[str, Any] = {
    "version": 1,
    "formatters": {"plain": {"format": "%(levelname)s~%(asctime)s~%(name)s~%(message)s"}},
    "filters": {"no_db": {"()": "tests.cli.rehearse.test_command.NoDatabase"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        "pager": {
            "class": "pagerduty_logging.PagerDutyHandler", "routing_key_file": "/no/such/file",
            "repeat_interval": 60,
            "filters": ["no_db"], "spool": "/no/such/folder", "level": "ERROR",
        },
    },
    "loggers": {"shop": {"handlers": ["pager"], "propagate": False}, "other": {"propagate": False}},
}  # fmt: skip

LOGGING = CONFIG


class NoDatabase:
    """A filter that the application brings."""

    def filter(self, record: Any) -> bool:
        return record.name != "shop.db"


def formatted(level: str, logger: str, minute: int = 0) -> str:
    return f"{level}~2026-11-29 03:{minute:02}:00,000~{logger}~it failed\n"


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "own.log"
    path.write_text(formatted("ERROR", "shop.feed") + formatted("ERROR", "shop.feed", 2)
                    + formatted("ERROR", "shop.db")
                    + formatted("ERROR", "other.x") + formatted("INFO", "shop"))  # fmt: skip
    return path


@pytest.mark.parametrize("form", ["json", "module:NAME", "module"])
def test_handler_formatters_filters_and_loggers_are_taken_from_a_configuration(
    form: str, configured: Path, run: Run, tmp_path: Path
):
    where = {
        "json": str(tmp_path / "settings.json"),
        "module:NAME": f"{__name__}:CONFIG",
        "module": __name__,
    }[form]
    (tmp_path / "settings.json").write_text(json.dumps(CONFIG))
    status, out, _ = run(configured, "--config", where, "--json", "--tz", "UTC")
    told = json.loads(out)
    assert status == 0
    assert [(p["logger"], len(p["events"]), p["ignored"]) for p in told["problems"]] == [
        ("shop.feed", 2, 0),
        ("shop.db", 0, 1),
    ]
    assert told["read"]["unreached"] == 1
    assert told["options"]["repeat_interval"] == "60"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("no.such.module:X", "cannot be imported"),
        ("tests.cli.rehearse.test_command:NOTHING", "cannot be imported"),
        ("tests.cli.rehearse.test_command:LOG", "is not a mapping"),
        ("missing.json", "cannot be read"),
    ],
)
def test_a_configuration_that_cannot_be_had(config: str, words: str, log: Path, run: Run):
    assert words in refused(run, log, "--config", config)


def test_a_configuration_without_our_handler(log: Path, run: Run, tmp_path: Path):
    (tmp_path / "c.json").write_text(
        json.dumps({"version": 1, "handlers": {"console": {"class": "logging.StreamHandler"}}})
    )
    assert "PagerDutyHandler" in refused(run, log, "--config", tmp_path / "c.json")


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "give a log file"),
        (["/no/such.log"], "No such file"),
        (["/tmp"], "is a directory"),
        (["LOG", "--set", "no_such_option=1"], "no option 'no_such_option'"),
        (["LOG", "--set", "repeat_interval=-1"], "repeat_interval"),
        (["LOG", "--set", "repeat_interval"], "NAME=VALUE"),
        (["LOG", "--set", "spool='/tmp'"], "spool"),
        (["LOG", "--format", "%(asctime)s"], "message"),
        (["LOG", "--datefmt", "%H"], "--format"),
        (["LOG", "--tz", "Nowhere/City"], "no such time zone"),
        (["LOG", "--night", "late"], "two hours"),
        (["LOG", "--night", "22-31"], "two hours"),
        (["LOG", "--night", "7-7"], "two hours"),
        (["LOG", "--source", "/no/such"], "is not a directory"),
        (["LOG", "--incidents", "/no/such"], "cannot be read"),
        (["LOG", "--check", "/no/such"], "cannot be read"),
        (["LOG", "--json", "--csv"], "one of them"),
        (["LOG", "--html", "/no/such/n.html"], "cannot be written"),
        (["LOG", "--compare", "/a", "/b"], "no log"),
        (["--compare", "/no/a", "/no/b"], "cannot be read"),
        (["-", "-"], "twice"),
    ],
)  # fmt: skip
def test_a_wrong_use_is_one_clear_line(args: list[str], words: str, log: Path, run: Run):
    status, _, err = run(*(str(log) if arg == "LOG" else arg for arg in args))
    assert status == 2
    assert words in err
    assert err.count("\n") == 1


def test_an_empty_log(run: Run, tmp_path: Path):
    (tmp_path / "empty.log").write_text("")
    assert "nothing in it" in refused(run, tmp_path / "empty.log")


def test_a_log_that_is_not_understood_says_what_was_seen_and_what_to_give(run: Run, tmp_path: Path):
    (tmp_path / "odd.log").write_text("once upon a time password=hunter2hunter2\n" * 5)
    words = refused(run, tmp_path / "odd.log")
    assert "once upon a time" in words
    assert "--format" in words
    assert "hunter2" not in words


def test_a_log_without_any_time(run: Run, tmp_path: Path):
    (tmp_path / "a.log").write_text("ERROR:shop:order failed\n")
    assert "asctime" in refused(run, tmp_path / "a.log")


def test_records_without_a_time_are_counted_and_never_paged(run: Run, log: Path):
    with log.open("a") as file:
        file.write("ERROR:shop:order failed\n")
    _, out, _ = run(log)
    assert "Without a time: 1 records that would page" in out
    assert "order failed" not in out.split("## What")[1]


def test_a_log_in_which_nothing_pages(run: Run, tmp_path: Path):
    (tmp_path / "calm.log").write_text("2026-11-29 03:12:07,123 INFO shop: ready\n")
    status, out, _ = run(tmp_path / "calm.log", "--html", tmp_path / "n.html")
    assert status == 0
    assert "Nothing would have been paged" in out


# --- progress and Ctrl-C -------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_at_a_terminal_and_none_in_a_pipe():
    now = [0.0]
    counts = Counts(bytes_read=50_000_000, lines=500_000, counted_bytes=50_000_000)
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        now[0] = 0.0
        progress = Progress(counts, 100_000_000, stream, lambda: now[0])
        progress()
        assert stream.getvalue() == ""
        now[0] = 2.0
        progress()
        progress.end()
    assert "50%, 50 MB, 250,000 lines/s, 2 s left" in terminal.getvalue()
    assert pipe.getvalue() == ""


def test_ctrl_c_shows_what_is_known_so_far(log: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    whole = LogReader.entries

    def interrupted(self: LogReader) -> Any:
        for number, entry in enumerate(whole(self)):
            if number == 10:
                raise KeyboardInterrupt
            yield entry

    monkeypatch.setattr(LogReader, "entries", interrupted)
    status, out, _ = run(log)
    assert status == command.INTERRUPTED
    assert "Interrupted: this is what is known so far" in out
    assert "10 records" in out


@pytest.mark.parametrize("shown", ["--json", "--csv"])
def test_half_a_character_in_a_name_stops_nothing(shown: str, run: Run, tmp_path: Path):
    said = {"level": "error", "message": "\ud800 failed", "logger": "\udfff", "time": "2026-11-29T03:12:07Z"}
    (tmp_path / "a.log").write_text(json.dumps(said) + "\n")
    assert run(tmp_path / "a.log", shown, "--html", tmp_path / "n.html", "--svg", tmp_path / "n.svg")[0] == 0


def test_a_log_that_runs_backwards_is_reported(run: Run, tmp_path: Path):
    lines = LOG.splitlines(keepends=True)
    (tmp_path / "a.log").write_text("".join(reversed(lines)))
    assert "runs backwards" in run(tmp_path / "a.log")[1].replace("seems to run", "runs")


def test_a_packed_log_of_which_nothing_can_be_read(run: Run, tmp_path: Path):
    (tmp_path / "a.log.gz").write_bytes(b"\x1f\x8b\x08nothing")
    assert "a.log.gz: " in refused(run, tmp_path / "a.log.gz")


def test_no_routing_key_is_shown(run: Run, log: Path, tmp_path: Path):
    rules = [{"logger": "shop.db", "routing_key": "S3CRET" + "x" * 26}]
    config = {
        "routing_key": "S3CRET" + "y" * 26,
        "routing": rules,
        "state": "redis://:S3CRET@h",
        "spool": "/s",
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    for more in ([], ["--json"]):
        _, out, err = run(log, "--config", tmp_path / "c.json", "--html", tmp_path / "n.html", *more)
        assert "S3CRET" not in out + err + (tmp_path / "n.html").read_text()
    assert "not rehearsed, for nothing is delivered: routing_key, state, spool" in run(
        log, "--config", tmp_path / "c.json"
    )[1].replace("\\_", "_")
    assert (
        "By routing rule: no rule 1 alerts, rule 1 1 alerts" in run(log, "--config", tmp_path / "c.json")[1]
    )
