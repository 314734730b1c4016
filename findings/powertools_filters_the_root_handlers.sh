#!/usr/bin/env bash
# AWS Lambda Powertools: constructing a Logger adds a filter to every handler that the root logger has. It rejects each logger
# whose name *contains* the service's name, so that a handler attached for other purposes gets nothing of "order", nor of "shop.reorder".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q aws-lambda-powertools==3.37.0
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
from aws_lambda_powertools import Logger
seen = {"before": [], "after": []}
class Recorder(logging.Handler):
    def __init__(self, when):
        super().__init__()
        self.when = when
    def emit(self, record):
        seen[self.when].append(record.name)
logging.getLogger().addHandler(Recorder("before"))
log = Logger(service="order")
logging.getLogger().addHandler(Recorder("after"))
log.error("payment failed")
for name in ("shop.reorder", "shop.pay"):
    logging.getLogger(name).error("failed")
print("aws-lambda-powertools", version("aws-lambda-powertools"), "- a handler attached before the Logger was made got:", seen["before"], "- one attached after:", seen["after"])
assert seen == {"before": ["shop.pay"], "after": ["order", "shop.reorder", "shop.pay"]}
PY
cd "$work"
"$work/venv/bin/python" program.py
