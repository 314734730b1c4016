#!/usr/bin/env bash
# websocket-client: a connection that the server closes normally (code 1000) is an ERROR record. What a callback raises is one too, without
# exc_info, with the callback's address in the text; run_forever() then returns False, which means that there was no error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q websocket-client==1.9.2
cat > "$work/program.py" <<'PY'
import base64, hashlib, logging, socketserver, threading, time
import websocket
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.levelname, record.getMessage(), record.exc_info))
logging.getLogger().addHandler(Recorder())
class Greets(socketserver.BaseRequestHandler):
    def handle(self):
        lines = self.request.recv(4096).decode().split("\r\n")
        key = next(line.partition(": ")[2] for line in lines if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        self.request.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        self.request.sendall(b"\x81\x02hi")
        time.sleep(0.3)
        self.request.sendall(b"\x88\x02\x03\xe8")  # close, 1000
        self.request.recv(4096)
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greets)
threading.Thread(target=server.serve_forever, daemon=True).start()
def on_message(app, message):
    if broken: raise ValueError("boom")
for broken in (False, True):
    result = websocket.WebSocketApp(f"ws://127.0.0.1:{server.server_address[1]}/", on_message=on_message).run_forever()
    print("websocket-client", websocket.__version__, "- callback raises:", broken, "- run_forever() returned", result, "-", seen)
    closed = ("ERROR", "Connection closed normally (code 1000) - goodbye", None)
    assert result is False and closed in seen
    assert any(text.startswith("error from callback <function on_message at 0x") and not info for _, text, info in seen) == broken
    seen.clear()
PY
cd "$work"
"$work/venv/bin/python" program.py
