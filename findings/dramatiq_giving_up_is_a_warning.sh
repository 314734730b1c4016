#!/usr/bin/env bash
# dramatiq: each attempt that will be tried again is an ERROR with its exception; giving up is a WARNING without.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q dramatiq==2.2.1
cat > "$work/program.py" <<'PY'
import logging
import dramatiq
from dramatiq.brokers.stub import StubBroker
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING:
            seen.append((record.name.rpartition(".")[2], record.levelname, bool(record.exc_info)))
logging.getLogger("dramatiq").addHandler(Recorder())
logging.getLogger("dramatiq").propagate = False
broker = StubBroker()
dramatiq.set_broker(broker)
@dramatiq.actor(max_retries=2, min_backoff=1, max_backoff=2)
def pay(): raise ValueError("boom")
pay.send()
worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=100)
worker.start()
broker.join("default", fail_fast=False)
worker.join()
worker.stop()
print("dramatiq", dramatiq.__version__, seen)
assert seen.count(("WorkerThread", "ERROR", True)) == 3
assert seen[-1] == ("Retries", "WARNING", False)
PY
cd "$work"
"$work/venv/bin/python" program.py
