#!/usr/bin/env bash
# axiom-py, AxiomHandler: records that could not be sent are lost, and are not tried again. That they could not is no log record: it is raised in a
# `threading.Timer`, or, for the first record after a pause of more than `interval`, by `log.error(...)` itself, and then the handlers behind it get nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q axiom-py==0.15.0
cat > "$work/program.py" <<'PY'
import gzip, json, logging, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
import axiom_py
from axiom_py.logging import AxiomHandler
taken, hooked, seen = [], [], []
class Axiom(BaseHTTPRequestHandler):
    away = True
    def log_message(self, *_): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip": body = gzip.decompress(body)
        status, answer = 400, {"code": 400, "message": "away"}
        if not self.away:
            taken.extend(json.loads(line)["msg"] for line in body.splitlines())
            status, answer = 200, {"ingested": 1, "failed": 0, "failures": [], "processedBytes": 1, "blocksCreated": 0, "walLength": 0}
        answer = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(answer)))): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)
server = HTTPServer(("127.0.0.1", 0), Axiom)
threading.Thread(target=server.serve_forever, daemon=True).start()
threading.excepthook = lambda hook: hooked.append((type(hook.thread).__name__, hook.exc_type.__name__))
class Behind(logging.Handler):
    def emit(self, record): seen.append(record.getMessage())
log = logging.getLogger("shop")
client = axiom_py.Client("token", "org", f"http://127.0.0.1:{server.server_port}")
log.addHandler(AxiomHandler(client, "logs", interval=0.5))
log.addHandler(Behind())
log.error("first")
time.sleep(2)  # longer than the interval
raised = None
try: log.error("second")
except Exception as error: raised = error
Axiom.away = False
time.sleep(1)
log.error("third")
time.sleep(2)
print("axiom-py", version("axiom-py"), "hook", hooked, "raised by the second", repr(raised))
print("taken", taken, "- behind it", seen)
assert hooked == [("Timer", "AxiomError")] and type(raised).__name__ == "AxiomError"
assert taken == ["third"] and seen == ["first", "third"]
PY
cd "$work"
"$work/venv/bin/python" program.py
