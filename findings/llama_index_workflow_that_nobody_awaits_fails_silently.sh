#!/usr/bin/env bash
# llama-index workflows: one that was started and is not awaited, and fails, says nothing, not even when it is freed: no "exception was never
# retrieved" of asyncio, no log record. The same function as an asyncio task says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile llama-index-workflows==2.26.1
cat > "$work/program.py" <<'PY'
import asyncio, gc, logging
from importlib.metadata import version
from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage().split("\n")[0]))
logging.getLogger().addHandler(Recorder())
class Shop(Workflow):
    @step
    async def pay(self, event: StartEvent) -> StopEvent: raise LookupError("no order")
async def pay(): raise LookupError("no order")
async def main(start):
    started = start()
    await asyncio.sleep(0.5)
    assert started.done()
    del started
    gc.collect()
    await asyncio.sleep(0.1)
found = {}
for name, start in (("a workflow", lambda: Shop().run()), ("a task", lambda: asyncio.create_task(pay()))):
    asyncio.run(main(start))
    gc.collect()
    found[name] = [*seen]
    seen.clear()
print("llama-index-workflows", version("llama-index-workflows"), found)
assert found["a workflow"] == [] and found["a task"] == [("asyncio", "ERROR", "Task exception was never retrieved")]
PY
cd "$work"
"$work/venv/bin/python" program.py
