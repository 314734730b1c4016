"""A `requests` with which nothing can be sent is found out when a client is made, not by a lost page."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from requests.adapters import HTTPAdapter

from pagerduty_logging import EventsClient, PagerDutyHandler
from pagerduty_logging.events_api.connections import DeadlineAdapter

KEY = "0" * 32


def installed(directory: Path, version: str) -> Path:
    """Lay a `requests` of this version in a directory; it must not be imported."""
    package = directory / "requests"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported before the first event')")
    (package / "__version__.py").write_text(f'__title__ = "requests"\n__version__ = "{version}"\n')
    return directory


def made_with(directory: Path, kinds: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.path.insert(0, {str(directory)!r})\n"
        "from pagerduty_logging import EventsClient, PagerDutyHandler\n"
        f"for kind in ({kinds}):\n"
        f"    try: kind({KEY!r})\n"
        "    except ImportError as error: print(error)\n"
        "    else: print('made')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("version", ["2.32.0", "2.32.1", "2.31.0", "1.2"])
def test_a_client_of_an_unfit_version_is_refused_when_it_is_made(tmp_path: Path, version: str) -> None:
    made = made_with(installed(tmp_path, version), "EventsClient, PagerDutyHandler")
    sentence = f"no event can be sent with requests {version}"
    assert made.stdout.count(sentence) == 2, made
    assert made.stdout.count("install requests>=2.32.4") == 2


@pytest.mark.parametrize("version", ["2.32.2", "2.32.4", "2.33.0", "3.0", "10.0.1", "unknown"])
def test_a_client_of_a_fit_version_is_made_without_importing_it(tmp_path: Path, version: str) -> None:
    made = made_with(installed(tmp_path, version), "EventsClient,")
    assert made.stdout == "made\n", made


def test_what_is_imported_is_judged_by_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(HTTPAdapter, "get_connection_with_tls_context")
    for make in (DeadlineAdapter, lambda: EventsClient(KEY), lambda: PagerDutyHandler(KEY)):
        with pytest.raises(ImportError, match="requests>=2"):
            make()


def test_a_client_is_made_while_another_thread_imports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests.adapters", ModuleType("requests.adapters"))
    EventsClient(KEY)
