#!/usr/bin/env bash
# python-json-logger leaves an empty `record.message` behind when the message is a dict.
#
# `logging.Formatter.format` leaves the text in `record.message`, and handlers that come later may rely on it. JsonFormatter,
# given a dict as the message, writes its fields and leaves "" there, so that a second handler that reads
# `record.message` (and not `record.getMessage()`) sees a record that says nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q python-json-logger==4.2.0 2>"$work/pip.log" || { cat "$work/pip.log"; exit 1; }
cat >"$work/shop.py" <<'PY'
import importlib.metadata, logging, sys
from pythonjsonlogger.json import JsonFormatter

record = logging.LogRecord("shop", logging.ERROR, "shop.py", 1, {"event": "cannot charge", "order": 17}, (), None)
print("python-json-logger", importlib.metadata.version("python-json-logger"))
print("written:", JsonFormatter().format(record))
print("record.message:", repr(record.message), " record.getMessage():", repr(record.getMessage()))
sys.exit(0 if record.message == "" else "the behaviour has changed")
PY
"$work/venv/bin/python" "$work/shop.py"
