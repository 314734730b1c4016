#!/usr/bin/env bash
# Jupyter Server: that it was told to stop, by SIGTERM, is a CRITICAL record; that a request failed is an ERROR (with 500 three of them, of which one
# is the request's headers as JSON and has no word about it). So the only record of the highest level is that of a normal stop.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile jupyter_server==2.21.1
cat > "$work/program.py" <<'PY'
import os, signal, socket, subprocess, sys, time, urllib.error, urllib.request
from importlib.metadata import version
with open("shop.py", "w") as file: file.write('''
import logging
from jupyter_server.base.handlers import JupyterHandler
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR: print("SEEN", record.levelname, bool(record.exc_info), record.getMessage().split("\\n")[0], flush=True)
class Pay(JupyterHandler):
    def get(self): raise ValueError("boom")
def _jupyter_server_extension_points(): return [{"module": "shop"}]
def _load_jupyter_server_extension(app):
    app.log.addHandler(Recorder())
    app.web_app.add_handlers(".*$", [("/pay", Pay)])
    print("LOADED", flush=True)
''')
with socket.create_server(("127.0.0.1", 0)) as free: port = free.getsockname()[1]
options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=", "--ServerApp.jpserver_extensions={'shop': True}"]
places = {name: os.path.join(os.getcwd(), name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
server = subprocess.Popen([sys.executable, "-m", "jupyter_server", *options], env={**os.environ, **places, "PYTHONPATH": os.getcwd()}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
try:
    next(line for line in server.stdout if line.startswith("LOADED"))
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    for _ in range(100):
        try: urllib.request.urlopen(f"http://127.0.0.1:{port}/pay", timeout=10)
        except urllib.error.HTTPError as answer:
            assert answer.code == 500
            break
        except OSError: time.sleep(0.2)
    server.send_signal(signal.SIGTERM)
    seen = [line.split(None, 3)[1:] for line in server.communicate(timeout=60)[0].splitlines() if line.startswith("SEEN")]
finally: server.kill()
print("jupyter_server", version("jupyter_server"), "status", server.returncode)
for record in seen: print(record)
assert [record[:2] for record in seen] == [["ERROR", "True"], ["ERROR", "False"], ["ERROR", "False"], ["CRITICAL", "False"]]
assert "received signal 15" in seen[-1][2] and seen[1][2].strip() == "{" and server.returncode == 0
PY
cd "$work"
"$work/venv/bin/python" program.py
