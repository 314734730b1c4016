#!/usr/bin/env bash
# aiohttp, server: a TimeoutError raised by a handler is answered 504 and logged as ERROR without exc_info, with the same line as any other exception, which has it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q aiohttp==3.14.5
cat > "$work/program.py" <<'PY'
import asyncio, logging, sys
import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        handled = sys.exc_info()[0]
        seen.append((record.msg, bool(record.exc_info), handled and handled.__name__))
logging.getLogger("aiohttp.server").addHandler(Recorder())
async def slow(request): raise TimeoutError("the bank does not answer")
async def broken(request): raise ValueError("boom")
async def main():
    app = web.Application()
    app.router.add_get("/slow", slow)
    app.router.add_get("/broken", broken)
    async with TestClient(TestServer(app)) as client:
        return [(await client.get(path)).status for path in ("/slow", "/broken")]
answers = asyncio.run(main())
print("aiohttp", aiohttp.__version__, answers, seen)
line = "Error handling request from %s"
assert answers == [504, 500]
assert seen[0] == (line, False, "TimeoutError")
assert seen[1][:2] == (line, True)
PY
cd "$work"
"$work/venv/bin/python" program.py
