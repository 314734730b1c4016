#!/usr/bin/env bash
# Sanic: `handle_request`, through which every failed request comes, is compiled anew at startup; in a traceback its file is "handle_request", no path.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sanic==25.12.1 sanic-testing==24.6.0
cat > "$work/program.py" <<'PY'
import asyncio, os
import sanic
from sanic import Sanic, response
seen = {}
app = Sanic("shop")
@app.route("/")
async def pay(request):
    raise ValueError("boom")
@app.exception(Exception)
async def failed(request, error):
    frame = error.__traceback__.tb_frame
    seen.update(file=frame.f_code.co_filename, function=frame.f_code.co_name, module=frame.f_globals["__name__"])
    return response.text("failed", status=500)
asyncio.run(app.asgi_client.get("/"))
print("sanic", sanic.__version__, seen)
assert seen["function"] == "handle_request" and seen["module"] == "sanic.app"
assert seen["file"] == "handle_request" and not os.path.exists(seen["file"])
PY
cd "$work"
"$work/venv/bin/python" program.py
