#!/usr/bin/env bash
# python-json-logger: JsonFormatter() without a format writes the message alone: no level, no time, no logger.
# Whoever reads such a log can tell neither how bad a record was nor when it was made.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'python-json-logger==3.3.0'
PYTHONPATH=$folder python3 - <<'PY'
import importlib.metadata
import io
import json
import logging

from pythonjsonlogger.json import JsonFormatter

print("python-json-logger", importlib.metadata.version("python-json-logger"))
written = io.StringIO()
handler = logging.StreamHandler(written)
handler.setFormatter(JsonFormatter())
logger = logging.Logger("shop")
logger.addHandler(handler)
logger.error("order %d failed", 7)
print(written.getvalue().strip())
assert json.loads(written.getvalue()) == {"message": "order 7 failed"}, "it writes more now"
PY
