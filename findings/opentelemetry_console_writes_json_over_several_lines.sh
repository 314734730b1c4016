#!/usr/bin/env bash
# opentelemetry-sdk: the console exporter of logs writes each record as JSON over many lines, indented, though logs on
# standard output are read line by line by everything that collects them. Its severity_number is a number, 17 for ERROR.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'opentelemetry-sdk==1.39.1'
PYTHONPATH=$folder python3 -W ignore - <<'PY'
import importlib.metadata
import io
import json
import logging

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs import export

print("opentelemetry-sdk", importlib.metadata.version("opentelemetry-sdk"))
written = io.StringIO()
exporter = getattr(export, "ConsoleLogRecordExporter", None) or export.ConsoleLogExporter
provider = LoggerProvider()
provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter(out=written)))
logger = logging.Logger("shop")
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.error("order failed")
text = written.getvalue()
print(text)
assert len(text.strip().splitlines()) > 10, "one record is one line now"
told = json.loads(text)
assert told["body"] == "order failed"
assert told["severity_number"] == 17
PY
