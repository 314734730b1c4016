#!/usr/bin/env bash
# Oban for Python: a job that fails is an INFO record of the logger oban, the last attempt (state discarded) as the first one: a JSON text with the
# job's arguments in it, without the traceback. attach(level=...) gives starts and successes the same level. Shown with what the worker runs for each
# job, without a database.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for python in python3 python3.12 python3.13 python3.14; do # it needs 3.12
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && break
done
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile oban==0.7.0
cat > "$work/program.py" <<'PY'
import asyncio, json, logging
from importlib.metadata import version
from oban import worker
from oban._executor import Executor
from oban.telemetry import logger
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.levelname, bool(record.exc_info), json.loads(record.getMessage())))
logging.getLogger("oban").addHandler(Recorder())
logging.getLogger("oban").setLevel(logging.INFO)
logger.attach()
@worker(queue="default", max_attempts=1)
class Pay:
    async def process(self, job): raise ValueError("boom")
job = Pay.new({"customer": "alice"})
job.attempt = 1
asyncio.run(Executor(job, safe=True).execute())
level, exc_info, said = seen[-1]
print("oban", version("oban"), level, exc_info, said)
assert (level, exc_info, said["state"], said["args"]) == ("INFO", False, "discarded", {"customer": "alice"})
assert [record[0] for record in seen] == ["INFO", "INFO"] and "Traceback" not in str(seen)
PY
cd "$work"
"$work/venv/bin/python" program.py
