#!/usr/bin/env bash
# stomp.py: what a listener's `on_message` raises is a WARNING whose message is the exception, without its traceback; then the thread that receives ends, and
# the connection is closed: no later message comes, the process goes on, and no hook of Python's is called.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q stomp-py==9.0.0
cat > "$work/program.py" <<'PY'
import logging, socket, threading, time
from importlib.metadata import version
import stomp
seen, got, hooked = [], [], []
class Recorder(logging.Handler):
    def emit(self, record): seen.append(record)
logging.getLogger().addHandler(Recorder())
threading.excepthook = hooked.append
def serve(listening):  # a broker that sends two messages to who subscribes
    peer, _ = listening.accept()
    waiting = b""
    while data := peer.recv(4096):
        waiting += data
        while b"\0" in waiting:
            frame, waiting = waiting.split(b"\0", 1)
            if frame.lstrip().startswith((b"CONNECT", b"STOMP")): peer.sendall(b"CONNECTED\nversion:1.2\n\n\0")
            if frame.lstrip().startswith(b"SUBSCRIBE"):
                for i in (1, 2): peer.sendall(b"MESSAGE\nsubscription:1\nmessage-id:%d\ndestination:/q\n\norder %d\0" % (i, i))
listening = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listening,), daemon=True).start()
class Orders(stomp.ConnectionListener):
    def on_message(self, frame):
        got.append(frame.body)
        raise ValueError("boom")
connection = stomp.Connection12([listening.getsockname()])
connection.set_listener("", Orders())
connection.connect("shop", "secret", wait=True)
connection.subscribe("/q", id=1)
end = time.monotonic() + 10
while connection.is_connected() and time.monotonic() < end: time.sleep(0.05)
time.sleep(0.5)
print("stomp.py", version("stomp-py"), "got", got, "connected", connection.is_connected(), "hook", hooked)
worst = [(r.name, r.levelname, type(r.msg).__name__, r.getMessage(), r.exc_info) for r in seen if r.levelno >= logging.WARNING]
print(worst)
assert got == ["order 1"] and not connection.is_connected() and hooked == []
assert worst == [("stomp.py", "WARNING", "ValueError", "boom", None)]
PY
cd "$work"
"$work/venv/bin/python" program.py
