#!/usr/bin/env bash
# flet: what a coroutine of page.run_task raises is no asyncio "Task exception was never retrieved" and no record of the logger flet, as for an event's
# handler, but "exception calling callback for <Future ...>" of the logger concurrent.futures: flet's own callback raises it again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q flet==1.0.5
cat > "$work/program.py" <<'PY'
import asyncio, logging
from importlib.metadata import version
import flet
from flet.messaging.connection import Connection
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.msg, type(record.args[0]).__name__, record.exc_info[0].__name__))
logging.getLogger().addHandler(Recorder())
class Local(Connection):
    def __init__(self):
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.pubsubhub = PubSubHub(loop=self.loop)
    def send_message(self, message): pass
def clicked(event): raise LookupError("no order")
async def pay(): raise ValueError("boom")
async def main():
    session = Session(Local())
    button = flet.Button("Pay", on_click=clicked)
    session.page.add(button)
    await session.dispatch_event(button._i, "click", None)
    session.page.run_task(pay)
    await asyncio.sleep(0.3)
asyncio.run(main())
print("flet " + version("flet"), *seen, sep="\n  ")
assert seen[0][0] == "flet" and seen[0][3] == "LookupError"
assert seen[1] == ("concurrent.futures", "exception calling callback for %r", "Future", "ValueError") and len(seen) == 2
PY
cd "$work"
"$work/venv/bin/python" program.py
