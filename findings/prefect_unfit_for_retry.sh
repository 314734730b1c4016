#!/usr/bin/env bash
# prefect: a task that its retry_condition_fn keeps from being tried again fails without any record of its logger that carries the exception.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q prefect==3.9.1
cat > "$work/program.py" <<'PY'
import logging, os
os.environ["PREFECT_HOME"] = os.path.join(os.getcwd(), "home")
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
import prefect
from prefect import flow, task
seen = {}
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR:
            seen.setdefault(record.task_name, []).append((record.getMessage(), bool(record.exc_info)))
logging.getLogger("prefect.task_runs").addHandler(Recorder())
@task(retries=2, retry_condition_fn=lambda *_: False)
def unfit(): raise LookupError("no such shop")
@task
def plain(): raise LookupError("no such shop")
@flow
def both():
    unfit(return_state=True), plain(return_state=True)
    return 1
both()
print("prefect", prefect.__version__, seen)
assert [told for _, told in seen["unfit"]] == [False]
assert [told for _, told in seen["plain"]] == [True, False]
PY
cd "$work"
"$work/venv/bin/python" program.py
