#!/usr/bin/env bash
# pika: one connection that is refused is seven ERROR records of three loggers, of which one has exc_info; and it is raised to the caller, too.
# With connection_attempts=2 there are ten.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pika==1.4.4
cat > "$work/program.py" <<'PY'
import logging, socket
import pika
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR: seen.append((record.name, record.msg, bool(record.exc_info)))
logging.getLogger().addHandler(Recorder())
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
for attempts in (1, 2):
    seen.clear()
    try:
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, connection_attempts=attempts, retry_delay=0.1))
    except pika.exceptions.AMQPConnectionError as error:
        raised = error
    print("pika", pika.__version__, "- attempts", attempts, "- raised", repr(raised), "- ERROR records", len(seen), *seen, sep="\n  ")
    assert len(seen) == 4 + 3 * attempts and sum(info for _, _, info in seen) == 1
assert len({name for name, _, _ in seen}) == 3
PY
cd "$work"
"$work/venv/bin/python" program.py
