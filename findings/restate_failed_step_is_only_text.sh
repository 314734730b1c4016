#!/usr/bin/env bash
# restate-sdk: what a durable step raises is logged as a VMException, without the step's exception as its cause: type, text and traceback are only in
# its text. Every failed step of every service is one logger, one message and one type; what a handler raises itself is logged as it is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q restate-sdk==1.3.0
cat > "$work/program.py" <<'PY'
import asyncio, logging, struct
from importlib.metadata import version
import restate
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        error = record.exc_info[1]
        seen.append((record.name, record.getMessage(), type(error).__name__, error.__cause__, "Traceback (most recent" in str(error), str(error).split("\n")[0]))
logging.getLogger().addHandler(Recorder())
shop = restate.Service("shop")
async def charge(): raise ValueError("boom")
async def send(): raise KeyError("card")
@shop.handler()
async def pay(context: restate.Context, order: int) -> str: return await context.run_typed("charge", charge)
@shop.handler()
async def ship(context: restate.Context, order: int) -> str: return await context.run_typed("send", send)
@shop.handler()
async def bill(context: restate.Context, order: int) -> str: raise LookupError("no order")
app = restate.app([shop])
def field(number, value): return bytes([number << 3 | 2, len(value)]) + value
def frame(kind, value): return struct.pack(">HHI", kind, 0, len(value)) + value
# what Restate sends for a new invocation with the argument 7: StartMessage, InputCommandMessage
BODY = frame(0, field(1, b"\1" * 16) + field(2, b"inv1") + b"\x18\1") + frame(0x0400, field(14, field(1, b"7")))
async def call(handler):
    messages = [{"type": "http.request", "body": BODY, "more_body": True}, {"type": "http.request", "body": b"", "more_body": False}]
    async def receive():
        await asyncio.sleep(0.1)
        return messages.pop(0) if messages else {"type": "http.disconnect"}
    async def send(message): pass
    kind = (b"content-type", b"application/vnd.restate.invocation.v5")
    await app({"type": "http", "method": "POST", "path": f"/invoke/shop/{handler}", "headers": [kind]}, receive, send)
for handler in ("pay", "ship", "bill"): asyncio.run(call(handler))
print("restate-sdk " + version("restate-sdk"), *seen, sep="\n  ")
assert [each[:5] for each in seen[:2]] == [("restate.server_context", "Exception in do_progress", "VMException", None, True)] * 2
assert "boom" in seen[0][5] and "card" in seen[1][5] and seen[2][2] == "LookupError"
PY
cd "$work"
"$work/venv/bin/python" program.py
