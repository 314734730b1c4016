#!/usr/bin/env bash
# kivy: its import puts a logger in the place of sys.stderr: each line that anything prints there becomes a WARNING "stderr: ..." of the logger kivy, and
# so each traceback that Python prints becomes many records; print(..., file=sys.__stderr__) does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q kivy==2.3.1
cat > "$work/program.py" <<'PY'
import logging, os, sys, threading
os.environ.update(KIVY_NO_ARGS="1", KIVY_NO_FILELOG="1", KIVY_NO_CONSOLELOG="1", KIVY_HOME=os.path.abspath("home"))
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage()))
logging.getLogger().addHandler(Recorder())
before = sys.stderr
import kivy
seen.clear()
def pay(): raise LookupError("no order")
thread = threading.Thread(target=pay)
thread.start()
thread.join()
lines = [*seen]
seen.clear()
print("late", file=sys.__stderr__)
print("kivy " + kivy.__version__, type(sys.stderr).__name__, *lines, sep="\n  ")
assert sys.stderr is not before and seen == []
assert {each[:2] for each in lines} == {("kivy", "WARNING")} and len(lines) > 5
assert all(text.startswith("stderr: ") for _, _, text in lines) and lines[-1][2] == "stderr: LookupError: no order"
PY
cd "$work"
"$work/venv/bin/python" program.py
