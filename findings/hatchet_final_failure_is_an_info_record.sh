#!/usr/bin/env bash
# hatchet-sdk: the last failing attempt of a task is an ERROR, earlier ones are INFO; a NonRetryableException, after which there is no other attempt
# either, is INFO, too. All are records of the logger hatchet, which passes nothing on. Shown with what the worker calls at the end of each run.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile hatchet-sdk==1.43.1
cat > "$work/program.py" <<'PY'
import asyncio, logging, queue, types
from importlib.metadata import version
from hatchet_sdk.exceptions import NonRetryableException
from hatchet_sdk.worker.runner.runner import Runner
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.levelname, record.exc_info is not None, record.getMessage().split("\n")[0]))
log = logging.getLogger("hatchet")
log.handlers[:] = [Recorder()]
async def pay(): raise LookupError("no order")
async def ship(): raise NonRetryableException("no such address")
async def main():
    worker = types.SimpleNamespace(cleanup_run_id=lambda key: None, cancellations={}, event_queue=queue.Queue(), _supports_retry_after=True, engine_version="1")
    worker._retry_after_ms = types.MethodType(Runner._retry_after_ms, worker)
    for function, attempt in ((pay, 0), (pay, 1), (ship, 0)):
        run = types.SimpleNamespace(action_id=f"shop:{function.__name__}", step_run_id=f"run-{attempt}", key="run", retry_count=attempt)
        task = asyncio.create_task(function())
        await asyncio.wait([task])
        Runner.step_run_callback(worker, run, types.SimpleNamespace(retries=1))(task)
    return [worker.event_queue.get().should_not_retry for _ in range(3)]
final = asyncio.run(main())
print("hatchet-sdk", version("hatchet-sdk"), "- the logger passes records on:", log.propagate)
for end, each in zip(final, seen, strict=True): print("  not to be tried again:", end, each)
assert [level for level, *_ in seen] == ["INFO", "ERROR", "INFO"] and final == [False, False, True] and not log.propagate
PY
cd "$work"
"$work/venv/bin/python" program.py
