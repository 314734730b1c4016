#!/usr/bin/env bash
# conductor-python: the loggers of its workers begin with the process's number, "[4711] conductor.client.worker.worker": another name in each worker and after
# each start, which is not below `conductor`. What a task raised is an ERROR whose traceback is text, in its arguments.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q conductor-python==2.0.0
cat > "$work/program.py" <<'PY'
import logging, os
from importlib.metadata import version
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append(record)
logging.getLogger().addHandler(Recorder())
from conductor.client.http.models.task import Task
from conductor.client.worker.worker import Worker
logging.getLogger("conductor").propagate = False
def pay(card: str) -> str: raise ValueError("boom")
result = Worker("pay", pay).execute(Task(task_id="t1", workflow_instance_id="w1", task_def_name="pay", input_data={"card": "4711"}))
(record,) = [record for record in seen if record.levelno >= logging.ERROR]
print("conductor-python", version("conductor-python"), repr(record.name), record.levelname, repr(record.msg), record.exc_info)
print("result", result.status, result.reason_for_incompletion, "- below `conductor`:", record.name.startswith("conductor"))
assert record.name == f"[{os.getpid()}] conductor.client.worker.worker"
assert record.exc_info is None and str(record.args[2]).startswith("Traceback (most recent call last)")
PY
cd "$work"
"$work/venv/bin/python" program.py
