#!/usr/bin/env bash
# pygelf, GelfHttpHandler: while Graylog is away, `log.error(...)` itself raises `ConnectionRefusedError` in the program, although
# `logging.raiseExceptions` is False, and the handlers behind it never get the record. Its GelfUdpHandler and GelfTcpHandler raise nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pygelf==0.4.3
cat > "$work/program.py" <<'PY'
import contextlib, io, logging, socket
from importlib.metadata import version
import pygelf
with socket.create_server(("127.0.0.1", 0)) as closed: port = closed.getsockname()[1]
logging.raiseExceptions = False
seen = []
class Behind(logging.Handler):
    def emit(self, record): seen.append(record.getMessage())
log = logging.getLogger("shop")
found = {}
for kind in (pygelf.GelfHttpHandler, pygelf.GelfTcpHandler, pygelf.GelfUdpHandler):
    log.handlers[:] = [kind("127.0.0.1", port), Behind()]
    seen.clear()
    raised = None
    try:
        with contextlib.redirect_stderr(io.StringIO()): log.error("order 7 failed")
    except Exception as error: raised = error
    found[kind.__name__] = type(raised).__name__, list(seen)
print("pygelf", version("pygelf"), found)
assert found == {"GelfHttpHandler": ("ConnectionRefusedError", []), "GelfTcpHandler": ("NoneType", ["order 7 failed"]), "GelfUdpHandler": ("NoneType", ["order 7 failed"])}
PY
cd "$work"
"$work/venv/bin/python" program.py
