#!/usr/bin/env bash
# curio: a TaskGroup whose task failed raises nothing at the end of its block (asyncio, trio and anyio do): the program goes on. The failure is an
# ERROR "Task Crash", even if the program then asks for it, and a task that somebody joins is logged, too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q curio==1.6
cat > "$work/program.py" <<'PY'
import logging
import curio
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.exc_info[0].__name__))
logging.getLogger().addHandler(Recorder())
async def pay(): raise LookupError("no order")
async def main():
    async with curio.TaskGroup() as group: await group.spawn(pay)
    went_on = repr(group.exception)
    task = await curio.spawn(pay)
    try: await task.join()
    except curio.TaskError as error: return went_on, error.__cause__
went_on, joined = curio.run(main)
print("curio", curio.__version__, "- went on behind the block, whose exception is", went_on, "- join raised TaskError from", repr(joined), "-", *seen)
assert went_on == repr(LookupError("no order")) == repr(joined)
assert seen == [("curio.kernel", "ERROR", "LookupError")] * 2
PY
cd "$work"
"$work/venv/bin/python" program.py
