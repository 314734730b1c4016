#!/usr/bin/env bash
# burr: the record of an action that fails begins with a blank line, a row of stars and "Oh no an error! Need help with Burr?" with a link, whatever
# failed, and has the whole state of the application and its inputs in its text; the exception is raised to the program, too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q apache-burr==0.42.0
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
from burr.core import ApplicationBuilder, State, action
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage().split("\n"), record.exc_info[0].__name__))
logging.getLogger().addHandler(Recorder())
@action(reads=[], writes=["total"])
def pay(state: State) -> State: raise LookupError("no order")
app = ApplicationBuilder().with_actions(pay).with_entrypoint("pay").with_state(customer="CUST4711").build()
try: app.run(halt_after=["pay"])
except LookupError as error: raised = error
(name, level, lines, kind), = seen
print("burr", version("apache-burr"), "-", level, "of", name, kind, "and raised", repr(raised))
print("\n".join(lines))
assert lines[0] == "" and set(lines[1]) == {"*"} and lines[3].startswith("Oh no an error!") and "https://" in lines[4]
assert any("CUST4711" in line for line in lines)
PY
cd "$work"
"$work/venv/bin/python" program.py
