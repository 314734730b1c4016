#!/usr/bin/env bash
# asyncio: who asks a task for its exception a second time gets it without the frames of the task, if the first one asked by result(), as a done callback does: a log of it shows where it was awaited, and not where it failed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
cat > "$work/program.py" <<'PY'
import asyncio, platform, traceback
async def pay(): raise ValueError("boom")
async def main(ask):
    task = asyncio.create_task(pay())
    task.add_done_callback(ask)
    await task
def by_result(task):
    try: task.result()
    except ValueError: pass
def by_exception(task): task.exception()
shown = {}
for ask in (by_result, by_exception):
    try: asyncio.run(main(ask))
    except ValueError as error: shown[ask.__name__] = [frame.name for frame in traceback.extract_tb(error.__traceback__)][-2:]
print("CPython", platform.python_version(), "- innermost functions, by how the callback asked:", shown)
assert shown == {"by_result": ["run_until_complete", "main"], "by_exception": ["main", "pay"]}
PY
cd "$work"
"$work/venv/bin/python" program.py
