#!/usr/bin/env bash
# Litestar: constructing an application replaces the root logger's handlers, and what a handler raises is answered with 500 and logged nowhere.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q litestar==2.25.0
cat > "$work/program.py" <<'PY'
import asyncio, logging
from importlib.metadata import version
from litestar import Litestar, get
from litestar.testing import AsyncTestClient
mine = logging.NullHandler()
root = logging.getLogger()
root.addHandler(mine)
@get("/")
async def broken() -> str: raise ValueError("boom")
app = Litestar([broken])
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING: seen.append(record)
for logger in (root, logging.getLogger("litestar")):
    logger.addHandler(Recorder())
async def main():
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        return (await client.get("/")).status_code
status = asyncio.run(main())
print("litestar", version("litestar"), "handler kept:", mine in root.handlers, "- status", status, "- lines:", len(seen))
assert mine not in root.handlers and status == 500 and not seen
PY
cd "$work"
"$work/venv/bin/python" program.py
