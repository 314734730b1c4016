#!/usr/bin/env bash
# Textual: what an event handler or timer raises is printed, and App.run() returns None as after a normal end: nothing is raised, no hook is
# called, nothing is logged, and the program goes on to exit with status 0. Only return_code says 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q textual==8.2.8
cat > "$work/program.py" <<'PY'
import logging, sys
from importlib.metadata import version
from textual.app import App
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append(record)
logging.getLogger().addHandler(Recorder())
sys.excepthook = lambda *error: seen.append(error)
class Shop(App):
    def on_mount(self): self.set_timer(0.1, self.pay)
    def pay(self): raise ValueError("boom")
app = Shop()
result = app.run(headless=True)
print("textual", version("textual"), "- returned", result, "- return_code", app.return_code, "- records and calls of the hook:", seen)
assert result is None and app.return_code == 1 and not seen
PY
cd "$work"
"$work/venv/bin/python" program.py
