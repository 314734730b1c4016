#!/usr/bin/env bash
# PySide6, QtAsyncio: a task that fails is printed at once, on standard output, also where the code that awaits it catches the exception; nothing is
# logged. A handler set with loop.set_exception_handler is called with the context alone, without the loop, and for a task that was cancelled, too.
# asyncio's own loop does none of that.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile --no-deps PySide6==6.12.0 PySide6_Addons==6.12.0 PySide6_Essentials==6.12.0 shiboken6==6.12.0
cat > "$work/program.py" <<'PY'
import asyncio, contextlib, io, logging, os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from importlib.metadata import version
from PySide6 import QtAsyncio, QtCore
records, calls = [], []
class Recorder(logging.Handler):
    def emit(self, record): records.append((record.name, record.levelname))
logging.getLogger().addHandler(Recorder())
async def pay(): raise ValueError("boom")
async def caught():
    try: await asyncio.create_task(pay())
    except ValueError: pass
async def main():
    await caught()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *given: calls.append((len(given), type(given[-1]["exception"]).__name__)))
    await caught()
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0.1)
    task.cancel()
    try: await task
    except asyncio.CancelledError: pass
application = QtCore.QCoreApplication([])
found = {}
for name, run in (("asyncio", asyncio.run), ("QtAsyncio", lambda main: QtAsyncio.run(main, keep_running=False))):
    with contextlib.redirect_stdout(io.StringIO()) as printed: run(main())
    found[name] = ("ValueError: boom" in printed.getvalue(), [*calls], [*records])
    calls.clear()
print("PySide6", version("PySide6"), found)
assert found == {"asyncio": (False, [], []), "QtAsyncio": (True, [(1, "ValueError"), (1, "CancelledError")], [])}
PY
cd "$work"
"$work/venv/bin/python" program.py
