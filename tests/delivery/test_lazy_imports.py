"""What a program imports lazily is loaded before the first page needs it."""

import sys
import types

import pytest

from pagerduty_logging.delivery.lazy_imports import load_lazy_imports


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 and later have lazy imports")
def test_ours_and_what_they_import_is_loaded_and_nothing_of_the_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = types.ModuleType("pagerduty_logging.made_up"), types.ModuleType("shop")
    for module in both:
        exec("lazy import wave, no_such_module\nlazy from wave import Wave_read", vars(module))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    load_lazy_imports()
    kinds = [type(vars(module)[name]).__name__ for module in both for name in ("wave", "Wave_read")]
    assert kinds == ["module", "type", "lazy_import", "lazy_import"]


def test_where_nothing_is_lazy_nothing_is_loaded() -> None:
    before = set(sys.modules)
    load_lazy_imports()
    assert set(sys.modules) == before
