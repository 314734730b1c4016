"""Whose code a file is, and the file of the main module."""

from __future__ import annotations

import sys

import pytest

from pagerduty_logging.record import places


def test_the_main_file_is_remembered_when_python_has_forgotten_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = places.main_file()
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert places.main_file() == known


def test_a_frozen_program_knows_its_libraries_by_their_first_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    places.is_library.cache_clear()
    try:
        assert places.is_library("json/decoder.py")
        assert places.is_library("pytest/__init__.py")
        assert not places.is_library("shop/orders.py")
    finally:
        monkeypatch.undo()
        places.is_library.cache_clear()
    assert not places.is_library("json/decoder.py")
