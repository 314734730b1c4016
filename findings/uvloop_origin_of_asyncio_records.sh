#!/usr/bin/env bash
# With uvloop, the record of a task that failed and that nobody awaited names a line that has nothing to do with it.
#
# asyncio's own loop logs "Task exception was never retrieved" from asyncio/base_events.py. uvloop is compiled and has no
# frames, so that `logging` takes the next Python frame for the caller: whatever line of the application the
# interpreter happens to be in, here the one that drops the task. What groups by a record's file, line or function
# then files every such failure under a bystander.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uvloop==0.23.0 2>"$work/pip.log" || { cat "$work/pip.log"; exit 1; }
cat >"$work/shop.py" <<'PY'
import asyncio, logging, sys
import uvloop

seen = []
class Seen(logging.Handler):
    def emit(self, record):
        seen.append((record.filename, record.funcName))
logging.getLogger("asyncio").addHandler(Seen())

async def charge():
    raise KeyError("order")

async def main():
    task = asyncio.create_task(charge())
    await asyncio.sleep(0.01)
    del task  # the line that is named

for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
    loop = factory()
    loop.run_until_complete(main())
    loop.close()
print("Python", sys.version.split()[0], "uvloop", uvloop.__version__)
print("asyncio:", seen[0])
print("uvloop: ", seen[1])
sys.exit(0 if seen[0][0] == "base_events.py" and seen[1][0] == "shop.py" else "the behaviour has changed")
PY
"$work/venv/bin/python" "$work/shop.py"
