"""The bounds of the house: short files and functions, few attributes and rooms, tests of the same name."""

from __future__ import annotations

import ast
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pagerduty_logging"
TESTS = Path(__file__).parent
NOT_CORE = {"cli", "sandbox"}

MAX_ROOMS = 10
FILES_BESIDE_ROOMS = {
    "__init__.py",
    "__main__.py",
    "_version.py",
    "handler.py",
    "jobs.py",
    "pager.py",
    "pipeline.py",
    "testing.py",
}
MAX_LINES, MAX_MEDIAN_LINES = 400, 150
MAX_FUNCTION_LINES = 60
MAX_ATTRIBUTES = 14

LONG_FUNCTIONS = {"handler.py:__init__": "its options, each checked where it is used"}
# Modules without a test file of their name, and where they are tested: with a neighbour, or as a whole.
TESTED_IN = {
    "fingerprinting/words.py": "fingerprinting/test_tokens.py",
    "state/asking.py": "state/test_shared.py",
    "delivery/counting.py": "delivery/test_claims.py",
    "delivery/reports.py": "reliability/test_follow_ups.py",
    "delivery/sending.py": "delivery/test_delivery.py",
    "delivery/wake_ups.py": "delivery/test_delivery.py",
    "delivery/logging_lock.py": "delivery/test_preparation.py",
    "delivery/half_imported.py": "reliability/test_loading.py",
    "page/events.py": "test_journey.py",
    "page/record_body.py": "test_journey.py",
    "page/second_alert.py": "state/test_worse.py",
    "state/known.py": "state/test_history.py",
    "state/problem.py": "state/test_throttle.py",
    "state/settlement.py": "state/test_throttle.py",
    "state/shortcuts.py": "fingerprinting/test_call_sites.py",
    "state/unreported.py": "state/test_history.py",
    "state/among.py": "state/test_shared_exchange.py",
    "state/request_queue.py": "state/test_shared_exchange.py",
    "state/redis_errors.py": "state/test_redis.py",
    "state/sqlite_draft.py": "state/test_sqlite.py",
    "state/sqlite_exchange.py": "state/test_sqlite.py",
    "state/sqlite_file.py": "state/test_sqlite.py",
    "state/trial.py": "cli/test_check.py",
    "state/watch.py": "state/test_history.py",
    "state/why.py": "state/test_throttle.py",
    "delivery/event.py": "delivery/test_delivery.py",
    "delivery/body.py": "delivery/test_delivery.py",
    "delivery/inbox.py": "delivery/test_delivery.py",
    "delivery/new_worker.py": "delivery/test_delivery.py",
    "delivery/ledger_file.py": "delivery/test_decisions.py",
    "delivery/losses.py": "delivery/test_delivery.py",
    "delivery/turns.py": "delivery/test_schedule.py",
    "fingerprinting/flood_keys.py": "test_floods.py",
    "page/flood_alert.py": "test_floods.py",
    "delivery/overflow.py": "delivery/test_delivery.py",
    "delivery/process.py": "reliability/test_exit.py",
    "delivery/roles.py": "delivery/test_delivery.py",
    "delivery/spool_directory.py": "delivery/test_spool.py",
    "delivery/spool_format.py": "delivery/test_spool.py",
    "delivery/spool_lease.py": "delivery/test_spool.py",
    "delivery/spooled.py": "delivery/test_spool.py",
    "delivery/stats.py": "delivery/test_delivery.py",
    "delivery/worker.py": "delivery/test_delivery.py",
    "events_api/answers.py": "events_api/test_round_trip.py",
    "events_api/client.py": "events_api/test_round_trip.py",
    "events_api/clock.py": "sandbox/test_frozen_time.py",
    "events_api/connections.py": "events_api/test_faults.py",
    "events_api/exchange.py": "events_api/test_faults.py",
    "events_api/decoding.py": "events_api/test_encoding.py",
    "events_api/errors.py": "events_api/test_round_trip.py",
    "events_api/text.py": "events_api/test_encoding.py",
    "events_api/transport.py": "events_api/test_faults.py",
    "fingerprinting/causes.py": "fingerprinting/test_reporters.py",
    "fingerprinting/expressions.py": "fingerprinting/test_source.py",
    "fingerprinting/installed.py": "fingerprinting/test_reporters.py",
    "fingerprinting/parts.py": "fingerprinting/test_fingerprinting.py",
    "fingerprinting/problem.py": "fingerprinting/test_fingerprinting.py",
    "fingerprinting/results.py": "fingerprinting/test_fingerprinting.py",
    "fingerprinting/statements.py": "fingerprinting/test_source.py",
    "fingerprinting/templates.py": "fingerprinting/test_source.py",
    "fingerprinting/texts.py": "fingerprinting/test_what_people_log.py",
    "handler.py": "test_journey.py",
    "pager.py": "test_journey.py",
    "hooks/child_process.py": "hooks/test_hooks.py",
    "hooks/event_loops.py": "hooks/test_hooks.py",
    "hooks/exit_status.py": "hooks/test_hooks.py",
    "hooks/patching.py": "hooks/test_hooks.py",
    "hooks/pending_exit.py": "hooks/test_hooks.py",
    "hooks/report.py": "hooks/test_hooks.py",
    "hooks/started_by_handlers.py": "hooks/test_hooks.py",
    "integrations/aiohttp.py": "hosts/test_web.py",
    "integrations/airflow.py": "hosts/test_pipelines.py",
    "integrations/apscheduler.py": "hosts/test_apscheduler.py",
    "integrations/arq.py": "hosts/test_tasks.py",
    "integrations/asgi.py": "hosts/test_web.py",
    "integrations/celery.py": "hosts/test_celery.py",
    "integrations/dagster.py": "hosts/test_pipelines.py",
    "integrations/dask.py": "hosts/test_pipelines.py",
    "integrations/django/apps.py": "hosts/test_django.py",
    "integrations/django/checks.py": "hosts/test_django.py",
    "integrations/django/management/commands/pagerduty.py": "hosts/test_django.py",
    "integrations/django_q.py": "hosts/test_tasks.py",
    "integrations/dramatiq.py": "hosts/test_tasks.py",
    "integrations/handlers.py": "test_jobs.py",
    "integrations/huey.py": "hosts/test_tasks.py",
    "integrations/prefect.py": "hosts/test_pipelines.py",
    "integrations/rq.py": "hosts/test_rq.py",
    "integrations/temporal.py": "hosts/test_pipelines.py",
    "integrations/wsgi.py": "hosts/test_web.py",
    "page/deployment.py": "page/test_alert.py",
    "page/links.py": "page/test_alert.py",
    "page/secret_names.py": "page/test_secrets.py",
    "page/secret_patterns.py": "page/test_secrets.py",
    "page/secret_shapes.py": "page/test_secrets.py",
    "page/secret_texts.py": "page/test_secrets.py",
    "pipeline.py": "test_journey.py",
    "record/capturing.py": "test_journey.py",
    "record/exceptions.py": "page/test_traceback_rows.py",
    "record/literals.py": "record/test_message.py",
    "record/overrides.py": "test_journey.py",
    "record/printed_traceback.py": "page/test_traceback_rows.py",
    "record/source_of_main.py": "hooks/test_hooks.py",
    "record/structured.py": "record/test_message.py",
    "record/template_strings.py": "record/test_render_templates.py",
    "state/decide.py": "state/test_model.py",
    "state/outbox.py": "state/test_shared.py",
    "state/protocol.py": "state/test_model.py",
    "state/store.py": "state/test_model.py",
    "state/records.py": "state/test_shared.py",
}


def modules(*, core: bool = True) -> Iterator[tuple[str, Path]]:
    """Yield each module, by its path in the package; `core`: without the command and the sandbox."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not (core and name.partition("/")[0] in NOT_CORE):
            yield name, path


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def attributes(cls: ast.ClassDef) -> set[str]:
    """Return the names that a class declares as fields or assigns to `self`."""
    fields = {
        node.target.id
        for node in cls.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assigned = {
        node.attr
        for node in ast.walk(cls)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return fields | assigned


def test_the_first_floor_has_ten_rooms_and_few_files() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert len(rooms) <= MAX_ROOMS, sorted(rooms)
    assert {path.name for path in PACKAGE.glob("*.py")} == FILES_BESIDE_ROOMS


def test_every_room_says_what_it_is_for() -> None:
    for init in PACKAGE.glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))), init.parent.name
        assert (init.parent / "README.md").exists(), init.parent.name


def test_the_tables_of_files_name_files_that_are_there() -> None:
    named = {
        (page.parent, name)
        for page in PACKAGE.rglob("README.md")
        for row in page.read_text(encoding="utf-8").splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([\w/]+\.(?:py|lua))`", row.split(" | ")[0])
    }
    assert named
    missing = {f"{room.name}: {name}" for room, name in named if not (room / name).exists()}
    assert not missing


def test_no_file_is_long() -> None:
    lengths = {name: lines_of(path) for name, path in modules(core=False)}
    assert not {name for name, lines in lengths.items() if lines > MAX_LINES}
    assert statistics.median(lengths[name] for name, _ in modules()) <= MAX_MEDIAN_LINES


def test_no_function_of_the_core_is_long() -> None:
    found = {
        f"{name}:{function.name}"
        for name, path in modules()
        for function in functions(ast.parse(path.read_text(encoding="utf-8")))
        if (function.end_lineno or function.lineno) - function.lineno >= MAX_FUNCTION_LINES
    }
    assert found <= set(LONG_FUNCTIONS)


def test_no_class_of_the_core_has_many_attributes() -> None:
    found = {
        f"{name}:{node.name}"
        for name, path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and len(attributes(node)) > MAX_ATTRIBUTES
    }
    assert found == set()


def test_every_module_of_the_core_has_a_test_file_of_its_name_or_says_where_it_is_tested() -> None:
    without = {
        name
        for name, path in modules()
        if not path.name.startswith("_") and not (TESTS / Path(name).parent / f"test_{path.name}").exists()
    }
    assert without == set(TESTED_IN)
    assert all((TESTS / where).exists() for where in TESTED_IN.values())


TOP_LEVEL = {
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "pyproject.toml"),
    *("examples", "findings", "pagerduty_logging", "tests"),
}


def test_the_top_level_holds_what_was_agreed_and_nothing_that_was_fetched() -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed: nothing says which files belong to the project")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of git: nothing says which files belong to the project")
    files = [name for name in listed.stdout.split("\0") if name]
    assert {name.partition("/")[0] for name in files if not name.startswith(".")} == TOP_LEVEL
    assert [name for name in files if name.endswith((".whl", ".gz", ".zip"))] == []
