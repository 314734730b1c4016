"""Whose code a file is, and the file of the main module."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pagerduty_logging.record import places


def test_the_main_file_is_remembered_when_python_has_forgotten_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = places.main_file()
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert places.main_file() == known


# What PyInstaller makes of a program: modules with relative names, in a folder that need not exist.
PACKED = """
import json, logging, os, sys, threading, types
from pagerduty_logging import install_hooks
from pagerduty_logging.fingerprinting import explain

sys.frozen, sys._MEIPASS = True, os.path.dirname(__file__)

def pack(name, path, code):
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__ = os.path.join(os.path.dirname(__file__), path)
    exec(compile(code, path, "exec"), module.__dict__)
    return module

class Keys(logging.Handler):
    def emit(self, record):
        found = explain(record)
        print(json.dumps([found.key, found.joined]))

logging.basicConfig(handlers=[Keys()])
loader = pack("loader", "loader/__init__.py", "def load(): raise ValueError('bad')")
orders = pack("shop.orders", "shop/orders.py", "import loader\\ndef read(): loader.load()")
stock = pack("shop.stock", "shop/stock.py", '''import logging, loader
def read(): loader.load()
def plain(): logging.getLogger("shop").error("no stock")''')
with install_hooks():
    for name, module in (("orders", orders), ("stock", stock)):
        thread = threading.Thread(target=module.read, name=name)
        thread.start()
        thread.join()
    stock.plain()
"""


def test_a_packed_program_distinguishes_failures_in_libraries_and_keeps_the_keys_of_plain_words(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PACKED)

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    orders, stock, plain = map(json.loads, done.stdout.splitlines())
    assert orders[0] != stock[0]
    assert plain[1] == []  # the key that the words have where the source can be read


def test_where_the_standard_library_has_no_files_it_is_known_by_its_code() -> None:
    """As in a program that cx_Freeze has packed."""
    words = "import os; from logging import config; known = os.__file__; del os.__file__"
    shown = "places.is_standard_library(config.dictConfig.__code__.co_filename), places.STANDARD_LIBRARY"
    program = f"{words}; from pagerduty_logging.record import places; print({shown}, known)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    known, folder, file = done.stdout.split()
    assert known == "True"
    assert file.startswith(folder)
