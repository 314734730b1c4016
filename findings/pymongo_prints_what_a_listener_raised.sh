#!/usr/bin/env bash
# PyMongo: what a monitoring listener raises is printed to stderr, and reaches neither logging nor a hook of Python's, though PyMongo has loggers for the same events.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pymongo==4.20.1
cat > "$work/program.py" <<'PY'
import contextlib, io, logging, sys, threading, time
import pymongo
from pymongo import monitoring
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append(record) if record.exc_info else None
logging.getLogger().addHandler(Recorder())
logging.getLogger().setLevel(logging.INFO)
sys.excepthook = threading.excepthook = sys.unraisablehook = lambda *args: seen.append(args)
class Listener(monitoring.ServerListener):
    def opened(self, event): raise ValueError("boom")
    def closed(self, event): raise LookupError("no stock")
    def description_changed(self, event): pass
printed = io.StringIO()
with contextlib.redirect_stderr(printed):
    client = pymongo.MongoClient("127.0.0.1", 1, event_listeners=[Listener()], serverSelectionTimeoutMS=300)
    with contextlib.suppress(pymongo.errors.ServerSelectionTimeoutError): client.admin.command("ping")
    client.close()
    time.sleep(0.5)
last = [line for line in printed.getvalue().splitlines() if line in ("ValueError: boom", "LookupError: no stock")]
print("pymongo", pymongo.version, "- printed:", last, "- records and hooks:", seen)
assert set(last) == {"ValueError: boom", "LookupError: no stock"} and not seen
PY
cd "$work"
timeout 60 "$work/venv/bin/python" program.py
