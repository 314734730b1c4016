#!/usr/bin/env bash
# google-cloud-logging and JSON-log-formatter: the first's handler gives each record fourteen attributes, by a filter. A JSON handler behind it
# writes them all, the message a second time; in front of it, none. (python-json-logger leaves out what begins with an underscore.)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q google-cloud-logging==3.17.0 JSON-log-formatter==1.2.1
cat > "$work/program.py" <<'PY'
import io, json, logging
from importlib.metadata import version
from google.cloud.logging_v2.handlers import StructuredLogHandler
from json_log_formatter import JSONFormatter
def keys(in_front):
    stream = io.StringIO()
    lines = logging.StreamHandler(stream)
    lines.setFormatter(JSONFormatter())
    cloud = StructuredLogHandler(stream=io.StringIO())
    log = logging.Logger("shop")
    for handler in (lines, cloud) if in_front else (cloud, lines):
        log.addHandler(handler)
    log.error("payment %s failed", 7, extra={"order": 7})
    return json.loads(stream.getvalue())
front, behind = keys(True), keys(False)
print("google-cloud-logging", version("google-cloud-logging"), "JSON-log-formatter", version("JSON-log-formatter"), "- in front:", sorted(front), "- behind:", sorted(behind))
added = set(behind) - set(front)
print(len(added), behind["_payload_str"])
assert set(front) == {"message", "order", "time"} and len(added) == 14 and all(name.startswith("_") for name in added)
assert "payment 7 failed" in behind["_payload_str"]
PY
cd "$work"
"$work/venv/bin/python" program.py
