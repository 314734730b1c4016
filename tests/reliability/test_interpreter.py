"""Whatever switches Python is started with, and in other interpreters: it pages, and delivers at the end."""

import shutil
import subprocess
import sys
import time
import zipapp
from collections.abc import Sequence
from pathlib import Path

import pytest

import pagerduty_logging
from pagerduty_logging.sandbox import Hang, Sandbox

from .programs import KILL_AFTER, environment, run_file

PROGRAM = """
import sys
sys.path[:0] = {path!r}
import logging
from pagerduty_logging import PagerDutyHandler, install_hooks
from pagerduty_logging.delivery import preparation
preparation.PATIENCE = 60.0  # for some switches, all that is loaded has to be compiled first

def charge(order):
    return {{11: 100}}[order]

def main():
    logging.getLogger().addHandler(PagerDutyHandler(flush_timeout=60.0))
    install_hooks()
    log = logging.getLogger("shop")
    for order in (13, 17):
        log.error("cannot ship order %d", order)
        log.error(f"no address for order {{order}}")
    try:
        charge(12)
    except KeyError:
        log.exception("cannot charge")
    charge(14)

main()
"""
SUMMARIES = [
    "Uncaught exception: KeyError: 14",
    "cannot charge: KeyError: 12",
    "cannot ship order 13",
    "no address for order 13",
]
SWITCHES = [
    "-O",
    "-OO",
    "-B",
    "-bb",
    "-I",
    "-I -S",
    "-E -s",
    "-W error",
    "-X dev",
    "-X frozen_modules=off",
    "-X no_debug_ranges",
    "-X warn_default_encoding",
    *(["-X cpu_count=1"] if sys.version_info >= (3, 13) else []),
    *(
        ["-X thread_inherit_context=1", "-X context_aware_warnings=1 -W error"]
        if sys.version_info >= (3, 14)
        else []
    ),
    *(["-X lazy_imports=all", "-X lazy_imports=normal"] if sys.version_info >= (3, 15) else []),
]


def ended(arguments: Sequence[str], url: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**environment(url, measured=False), **more},
        capture_output=True,
        text=True,
        timeout=KILL_AFTER,
        check=False,
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "shop.py"
    path.write_text(PROGRAM.format(path=sys.path))
    return path


@pytest.fixture(scope="module")
def usual(program: Path) -> dict[str, str]:
    """The keys of the program's pages where it is started without any switch."""
    with Sandbox() as sandbox:
        return paged(sandbox, ended([str(program)], sandbox.url))


def keys(sandbox: Sandbox) -> dict[str, str]:
    return {event["payload"]["summary"]: event["dedup_key"] for event in sandbox.events}


def paged(sandbox: Sandbox, done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("KeyError: 14")
    assert "pagerduty-logging" not in done.stderr
    assert "ResourceWarning" not in done.stderr
    found = keys(sandbox)
    assert sorted(found) == SUMMARIES, done.stderr
    return found


@pytest.mark.parametrize("switches", SWITCHES)
def test_with_any_switch_the_same_problems_page(
    sandbox: Sandbox, program: Path, usual: dict[str, str], switches: str
) -> None:
    assert paged(sandbox, ended([*switches.split(), str(program)], sandbox.url)) == usual


@pytest.mark.parametrize("name", ["PYTHON_JIT", "PYTHONDEVMODE", "PYTHONOPTIMIZE"])
def test_with_any_setting_of_the_environment_the_same_problems_page(
    sandbox: Sandbox, program: Path, usual: dict[str, str], name: str
) -> None:
    assert paged(sandbox, ended([str(program)], sandbox.url, **{name: "1"})) == usual


def test_an_application_in_a_zip_file_pages(sandbox: Sandbox, tmp_path: Path, program: Path) -> None:
    folder = tmp_path / "application"
    package = Path(pagerduty_logging.__file__).parent
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    path = [place for place in sys.path if Path(place) != package.parent]
    (folder / "__main__.py").write_text(PROGRAM.format(path=[]).replace("[:0] = []", f".extend({path!r})"))
    zipapp.create_archive(folder, tmp_path / "shop.pyz")
    assert len(set(paged(sandbox, ended([str(tmp_path / "shop.pyz")], sandbox.url)).values())) == 4


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 and later have lazy imports")
def test_a_handler_that_is_imported_lazily_pages(sandbox: Sandbox, tmp_path: Path, program: Path) -> None:
    lazy = tmp_path / "lazy.py"
    lazy.write_text(program.read_text().replace("from pagerduty_logging", "lazy from pagerduty_logging"))
    paged(sandbox, ended(["-W", "error", str(lazy)], sandbox.url))


# --- what is imported when ----------------------------------------------------------------------------

FIRST_PAGE = """
import logging, sys, threading, time
from pagerduty_logging import PagerDutyHandler
handler = PagerDutyHandler(routing_key="r" * 32)
log = logging.getLogger("shop")
log.addHandler(handler)
try:
    {}["order"]
except KeyError:
    error = sys.exception()
while threading.active_count() > 1:  # what a page needs is loaded a second later
    time.sleep(0.01)
before = set(sys.modules)
log.error("cannot charge %s", {"order": 17, "price": 1.5}, exc_info=error, extra={"customer": object()})
log.critical("with a link", extra={"pagerduty": {"links": ["https://example.com/"], "severity": "warning"}})
handler.flush(30)
assert handler.stats.delivered == 2, handler.stats
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("lazily", [False, True], ids=["as ever", "lazily"])
def test_a_page_of_a_warm_handler_imports_nothing(sandbox: Sandbox, lazily: bool) -> None:
    if lazily and sys.version_info < (3, 15):
        pytest.skip("Python 3.15 and later have lazy imports")
    switches = ["-X", "lazy_imports=all"] if lazily else []
    done = ended([*switches, "-c", FIRST_PAGE], sandbox.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("warm", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("lazily", [False, True], ids=["as ever", "lazily"])
def test_a_first_page_needs_no_file_descriptor_to_be_kept(sandbox: Sandbox, lazily: bool, warm: bool) -> None:
    if lazily and sys.version_info < (3, 15):
        pytest.skip("Python 3.15 and later have lazy imports")
    program = f"""
import logging, os, resource, threading, time
from pagerduty_logging import PagerDutyHandler, Retry
handler = PagerDutyHandler(routing_key="r" * 32, retry=Retry(initial=0.05, maximum=0.1))
while {warm} and threading.active_count() > 1:
    time.sleep(0.01)
log = logging.getLogger("shop")
log.addHandler(handler)
log.propagate = False
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    log.exception("no file")
log.error("no file, again")
log.critical("still none")
for descriptor in held:
    os.close(descriptor)
assert handler.flush(30)
"""
    done = ended([*(["-X", "lazy_imports=all"] if lazily else []), "-c", program], sandbox.url)
    assert done.returncode == 0, done.stderr
    assert len(keys(sandbox)) == 3


# --- other interpreters ---------------------------------------------------------------------------------

INTERPRETERS = """
import sys
from concurrent.futures import InterpreterPoolExecutor

def ship(order):
    import logging, warnings
    warnings.simplefilter("ignore")
    from pagerduty_logging import PagerDutyHandler
    log = logging.getLogger("shop")
    if not log.handlers:
        log.addHandler(PagerDutyHandler())
    log.error(f"cannot ship {order}", extra={"pagerduty": {"dedup_key": order}})
    return order

if __name__ == "__main__":
    with InterpreterPoolExecutor(2) as pool:
        print(*pool.map(ship, ("apples", "pears", "plums")))
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 and later have pools of interpreters")
def test_records_of_a_pool_of_interpreters_page(sandbox: Sandbox, tmp_path: Path) -> None:
    program = tmp_path / "interpreters.py"
    program.write_text(INTERPRETERS)
    done = ended([str(program)], sandbox.url)
    assert (done.returncode, done.stdout) == (0, "apples pears plums\n"), done.stderr
    assert sorted(keys(sandbox)) == ["cannot ship apples", "cannot ship pears", "cannot ship plums"]


HANDED_BACK = """
import logging
from concurrent import interpreters
from pagerduty_logging import PagerDutyHandler

log = logging.getLogger("shop")
log.addHandler(PagerDutyHandler())
log.propagate = False
interpreter = interpreters.create()
for code in (
    "raise ValueError('apples')",
    "raise ValueError('pears')",
    "def ship(): 1 / 0\\nship()",
    "def pay(): 1 / 0\\npay()",
):
    try:
        interpreter.exec(code)
    except Exception:
        log.exception("it failed there")
interpreter.close()
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 and later have concurrent.interpreters")
def test_what_another_interpreter_raised_is_distinguished_by_type_and_function(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    program = tmp_path / "handed_back.py"
    program.write_text(HANDED_BACK)
    done = ended([str(program)], sandbox.url)
    assert done.returncode == 0, done.stderr
    first = {event["dedup_key"]: event["payload"]["summary"] for event in reversed(sandbox.events)}
    assert sorted(first.values()) == [
        "it failed there: ExecutionFailed: ValueError: apples",
        "it failed there: ExecutionFailed: ZeroDivisionError: division by zero",
        "it failed there: ExecutionFailed: ZeroDivisionError: division by zero",
    ]


BLOCKED = """
import sys
from concurrent import interpreters

def ship(first):
    import logging, time, warnings
    warnings.simplefilter("ignore")
    from pagerduty_logging import PagerDutyHandler
    log = logging.getLogger("shop")
    log.addHandler(PagerDutyHandler(flush_timeout=2.0))
    for order in ("apples", "pears", "plums"):
        before = time.monotonic()
        log.error(f"cannot ship {order}", extra={"pagerduty": {"dedup_key": order}})
        print(time.monotonic() - before, flush=True)

interpreter = interpreters.create()
interpreter.call(ship, 1)
if sys.argv[1:]:
    interpreter.close()
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 and later have interpreters in threads")
@pytest.mark.parametrize("closed", [["close"], []], ids=["closed", "left open"])
def test_an_outage_delays_neither_calls_in_another_interpreter_nor_its_end(
    sandbox: Sandbox, tmp_path: Path, closed: list[str]
) -> None:
    sandbox.fail_share(Hang(), 1)
    program = tmp_path / "blocked.py"
    program.write_text(BLOCKED)
    before = time.monotonic()
    done = ended([str(program), *closed], sandbox.url)
    assert time.monotonic() - before < 15
    assert done.returncode == 0, done.stderr
    seconds = [float(line) for line in done.stdout.split()]
    assert len(seconds) == 3
    assert max(seconds) < 1.0
    assert "the process ends before PagerDuty took" in done.stderr


# --- the fork server ------------------------------------------------------------------------------------

POOLS = """
import logging, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from pagerduty_logging import PagerDutyHandler, install_hooks, page_on_failure

logging.basicConfig(handlers=[PagerDutyHandler(spool=os.environ["SPOOL"])])
install_hooks()
log = logging.getLogger("shop")

def ship(order):
    log.error("cannot ship order %d", order)

@page_on_failure("nightly")
def bill(order):
    raise KeyError(order)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with ProcessPoolExecutor(2) as executor:
        list(executor.map(ship, range(4)))
        assert isinstance(executor.submit(bill, 17).exception(), KeyError)
    pool = multiprocessing.Pool(2)
    pool.map(ship, range(4))
    pool.close()
    pool.join()
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_the_processes_of_pools_page_and_leave_nothing_in_the_spool(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    program = tmp_path / "pools.py"
    program.write_text(POOLS)
    monkeypatch.setenv("SPOOL", str(tmp_path / "spool"))
    done = run_file(program, sandbox.url, method)
    assert done.status == 0, done.err
    assert {event["dedup_key"] for event in sandbox.events if event["payload"]["severity"] == "error"} >= {
        "job/nightly"
    }
    assert len({event["dedup_key"] for event in sandbox.events}) == 2
    assert list((tmp_path / "spool").glob("*.event")) == []


def test_a_process_of_the_default_start_method_has_paged_when_it_is_terminated(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    program = tmp_path / "default.py"
    program.write_text(
        """
import logging, multiprocessing
from pagerduty_logging import PagerDutyHandler, install_hooks
logging.basicConfig(handlers=[PagerDutyHandler()])
install_hooks()

def fail():
    raise KeyError("pears")

if __name__ == "__main__":
    child = multiprocessing.Process(target=fail, name="reconcile")
    child.start()
    child.join()
    print(child.exitcode)
"""
    )
    done = run_file(program, sandbox.url)
    assert done.out == "1\n", done.err
    assert list(keys(sandbox)) == ["Uncaught exception in process reconcile: KeyError: 'pears'"]
