#!/usr/bin/env bash
# loguru, a logging.Handler as sink: the traceback of an exception with a cause is glued to the message's last word; without a cause it begins on a new line.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q loguru==0.7.3
cat > "$work/program.py" <<'PY'
import logging
import loguru
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        seen.append(record.getMessage())
loguru.logger.remove()
loguru.logger.add(Recorder(), format="{message}")
try:
    raise ValueError("alone")
except ValueError:
    loguru.logger.exception("it failed")
try:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("then") from error
except ValueError:
    loguru.logger.exception("it failed")
print("loguru", loguru.__version__, [text[:40] for text in seen])
assert seen[0].startswith("it failed\nTraceback (most recent call last):")
assert seen[1].startswith("it failedTraceback (most recent call last):")
PY
cd "$work"
"$work/venv/bin/python" program.py
