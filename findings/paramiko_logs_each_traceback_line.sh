#!/usr/bin/env bash
# paramiko: one failed connection is a line, and then one ERROR record for each line of its traceback, blank lines included. The
# exception is raised to the caller, too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q paramiko==5.1.0
cat > "$work/program.py" <<'PY'
import logging, socketserver, threading
import paramiko
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR:
            seen.append((record.getMessage(), record.exc_info))
logging.getLogger().addHandler(Recorder())
class Closes(socketserver.BaseRequestHandler):  # a server that is being restarted
    def handle(self): pass
server = socketserver.TCPServer(("127.0.0.1", 0), Closes)
threading.Thread(target=server.serve_forever, daemon=True).start()
raised = None
try:
    paramiko.SSHClient().connect("127.0.0.1", server.server_address[1], "user", password="any", look_for_keys=False, allow_agent=False)
except paramiko.SSHException as error:
    raised = error
lines = [text for text, _ in seen]
print("paramiko", paramiko.__version__, "- raised:", repr(raised), "- ERROR records:", len(lines), "- with exc_info:", sum(bool(info) for _, info in seen), "- blank:", lines.count(""))
print(*lines[:6], sep="\n")
assert raised is not None and lines[0].startswith("Exception (client): ")
assert lines[1] == "Traceback (most recent call last):" and lines[2].startswith('  File "')
assert len(lines) >= 8 and "" in lines and not any(info for _, info in seen)
PY
cd "$work"
"$work/venv/bin/python" program.py
