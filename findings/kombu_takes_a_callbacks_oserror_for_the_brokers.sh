#!/usr/bin/env bash
# kombu, ConsumerMixin with Redis: an OSError that a callback raises is taken for a lost connection to the broker: a WARNING, a new connection, and the consumer goes on; any other exception leaves run().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q kombu==5.7.0 redis==8.1.0 fakeredis==2.41.0 packaging==25.0
cat > "$work/program.py" <<'PY'
import logging, socket, threading
import kombu
from fakeredis import TcpFakeServer
from kombu import Connection, Queue
from kombu.mixins import ConsumerMixin
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.levelname, record.exc_info[0].__name__, record.getMessage())) if record.name == "kombu.mixins" and record.exc_info else None
logging.getLogger().addHandler(Recorder())
class Worker(ConsumerMixin):
    def __init__(self, connection): self.connection = connection
    def get_consumers(self, Consumer, channel): return [Consumer([Queue("orders")], callbacks=[self.on_message])]
    def on_message(self, body, message):
        message.ack()
        raise ConnectionRefusedError("the shop's own database is away") if body == "ship" else ValueError("boom")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
threading.Thread(target=server.serve_forever, daemon=True).start()
with Connection(f"redis://127.0.0.1:{port}/0") as connection:
    Queue("orders")(connection.channel()).declare()
    for body in ("ship", "pay"): connection.Producer().publish(body, routing_key="orders")
    try: Worker(connection).run()
    except ValueError as error: left = error
print("kombu", kombu.__version__, *seen, "left run(): " + repr(left), sep="\n  ")
assert [each[:2] for each in seen] == [("WARNING", "ConnectionRefusedError")]
assert "Connection to broker lost" in seen[0][2]
PY
cd "$work"
timeout 60 "$work/venv/bin/python" program.py
