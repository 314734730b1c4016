#!/usr/bin/env bash
# reactivex: what an operator's function raises is handed to `on_error`; where a subscriber has none, nobody is told: `subscribe` returns, nothing is
# raised, printed or logged, and no hook of Python's is called. What `on_next` raises is raised by `subscribe`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q reactivex==6.1.0
cat > "$work/program.py" <<'PY'
import contextlib, io, logging, sys, threading
from importlib.metadata import version
import reactivex
from reactivex import operators
told = []
class Recorder(logging.Handler):
    def emit(self, record): told.append(record.getMessage())
logging.basicConfig(level=0, handlers=[Recorder()])
sys.excepthook = threading.excepthook = sys.unraisablehook = lambda *a: told.append(a)
def pay(order): raise ValueError("boom")
orders = reactivex.of(1, 2)
output = io.StringIO()
with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
    orders.pipe(operators.map(pay)).subscribe(told.append, on_completed=lambda: told.append("completed"))
caught = []
orders.pipe(operators.map(pay)).subscribe(print, caught.append)
try: orders.subscribe(pay)
except ValueError as error: raised = error
print("reactivex", version("reactivex"))
print("map without on_error: told", told, "written", repr(output.getvalue()))
print("map with on_error:", caught, "- on_next:", repr(raised), "is raised")
assert told == [] and output.getvalue() == ""
assert [repr(each) for each in caught] == ["ValueError('boom')"]
PY
cd "$work"
"$work/venv/bin/python" program.py
