#!/usr/bin/env bash
# prefect: a task that raises the builtin TimeoutError ends as TimedOut, though it has no time limit and was quick.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q prefect==3.9.1
cat > "$work/program.py" <<'PY'
import os
os.environ["PREFECT_HOME"] = os.path.join(os.getcwd(), "home")
os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
import prefect
from prefect import flow, task
@task
def ask(): raise TimeoutError("the shop did not answer")
@task
def look(): raise LookupError("no such shop")
@flow
def both(): return ask(return_state=True).name, look(return_state=True).name
names = both()
print("prefect", prefect.__version__, "TimeoutError ends in", names[0], "- LookupError in", names[1])
assert names == ("TimedOut", "Failed"), names
PY
cd "$work"
"$work/venv/bin/python" program.py
