#!/usr/bin/env bash
# Twisted with a bridge to logging: an unhandled failure of a Deferred is two CRITICAL records; the first, a heading, has no exc_info, the second has it and an empty message.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q twisted==26.10.0
cat > "$work/program.py" <<'PY'
import gc, logging
import twisted
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        seen.append((record.levelname, type(record.msg).__name__, record.getMessage(), bool(record.exc_info)))
logging.getLogger().addHandler(Recorder())
from twisted.python.log import PythonLoggingObserver
PythonLoggingObserver(loggerName="twisted").start()
from twisted.internet.defer import Deferred
deferred = Deferred()
deferred.addCallback(lambda result: 1 / 0)
deferred.callback(None)
del deferred
gc.collect()
print("twisted", twisted.__version__, seen)
kind = "StringifiableFromEvent"
assert seen == [("CRITICAL", kind, "Unhandled error in Deferred:", False), ("CRITICAL", kind, "", True)]
PY
cd "$work"
"$work/venv/bin/python" program.py
