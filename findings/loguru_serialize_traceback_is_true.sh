#!/usr/bin/env bash
# loguru, serialize=True: record.exception.traceback is the literal true; the traceback itself stands in "text" only,
# formatted for people, below the message.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'loguru==0.7.3'
PYTHONPATH=$folder python3 - <<'PY'
import importlib.metadata
import io
import json

from loguru import logger

print("loguru", importlib.metadata.version("loguru"))
written = io.StringIO()
logger.remove()
logger.add(written, serialize=True, backtrace=False, diagnose=False)
try:
    {}["card"]
except KeyError:
    logger.exception("order failed")
line = json.loads(written.getvalue())
print(line["record"]["exception"])
assert line["record"]["exception"]["traceback"] is True, "the traceback is in the record now"
assert "Traceback (most recent call last):" in line["text"]
assert "Traceback" not in json.dumps(line["record"]), "the record holds it now"
PY
