#!/usr/bin/env bash
# AWS Lambda Powertools, BatchProcessor: a message whose handler raises is reported to SQS alone: there is no record of any level. If all of a batch fail, it raises
# "1 individual errors logged separately below", logs nothing either, and has the errors' tracebacks in its own text: there is no cause.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q aws-lambda-powertools==3.37.0
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage()[:60]))
logging.basicConfig(level=0, handlers=[Recorder()])
def pay(record):
    if record.body == "bad": raise ValueError("boom")
def message(name, body):
    return {"messageId": name, "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:q", "awsRegion": "eu-west-1"}
def handle(*messages):
    return process_partial_response(event={"Records": list(messages)}, record_handler=pay, processor=BatchProcessor(event_type=EventType.SQS), context=None)
answer = handle(message("a", "good"), message("b", "bad"))
partly = list(seen)
seen.clear()
try: handle(message("b", "bad"))
except Exception as error: raised = error
print("aws-lambda-powertools", version("aws-lambda-powertools"), "- one of two fails:", answer, partly)
print("all fail:", type(raised).__name__, repr(str(raised)), "cause", raised.__cause__, seen)
assert answer == {"batchItemFailures": [{"itemIdentifier": "b"}]}
assert partly == seen == []
assert "1 individual errors logged separately below" in str(raised) and "Traceback (most recent call last)" in str(raised)
assert raised.__cause__ is None
PY
cd "$work"
"$work/venv/bin/python" program.py
