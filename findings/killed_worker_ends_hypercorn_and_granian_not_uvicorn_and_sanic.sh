#!/usr/bin/env bash
# A worker of two that is killed, as by the OOM killer: hypercorn stops altogether, without a word, with status 0 or 241, by chance; granian with 1 and an
# ERROR; uvicorn starts another, which is an INFO line; sanic goes on with the other one, and says nothing at all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile hypercorn==0.18.0 granian==2.8.9 uvicorn==0.54.0 sanic==25.12.1
cat > "$work/program.py" <<'PY'
import os, socket, subprocess, sys, time, urllib.request
from importlib.metadata import version
from pathlib import Path
Path("shop.py").write_text("""
import os, signal
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown": return
    if scope["path"] == "/kill": os.kill(os.getpid(), signal.SIGKILL)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
""")
Path("sanicshop.py").write_text("""
import os, signal
from sanic import Sanic, empty
app = Sanic("shop")
@app.get("/")
async def home(request): return empty()
@app.get("/kill")
async def kill(request): os.kill(os.getpid(), signal.SIGKILL)
""")
SERVERS = {
    "hypercorn": "hypercorn -w 2 -b 127.0.0.1:{} shop:app",
    "granian": "granian --interface asgi --workers 2 --host 127.0.0.1 --port {} shop:app",
    "uvicorn": "uvicorn --workers 2 --port {} shop:app",
    "sanic": "sanic sanicshop:app --workers 2 --no-motd --host 127.0.0.1 --port {}",
}
def get(port, path):
    try: return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status in (200, 204)
    except OSError: return False
found = {}
for name, command in SERVERS.items():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(name, "w") as output:
        server = subprocess.Popen([f"{sys.prefix}/bin/{command.split()[0]}", *command.format(port).split()[1:]], stdout=output, stderr=output)
    while not get(port, "/"): time.sleep(0.2)
    time.sleep(1.5)
    before = len(Path(name).read_text())
    get(port, "/kill")
    deadline = time.monotonic() + 5
    while server.poll() is None and time.monotonic() < deadline: time.sleep(0.1)
    said = [line for line in Path(name).read_text()[before:].splitlines() if "died" in line or any(level in line for level in ("WARN", "ERROR", "CRITICAL"))]
    found[name] = (server.poll(), said)
    print(name, version(name), "- status", server.poll(), "- said", said)
    if server.poll() is None:
        server.terminate()
        server.wait(20)
assert found["hypercorn"][0] in (0, 241) and found["hypercorn"][1] == [] and found["sanic"] == (None, [])
assert found["granian"][0] == 1 and "ERROR" in found["granian"][1][0]
assert found["uvicorn"][0] is None and all("INFO" in line for line in found["uvicorn"][1]) and found["uvicorn"][1]
PY
cd "$work"
"$work/venv/bin/python" program.py
