#!/usr/bin/env bash
# RQ: the log that `rq worker` writes by default has a time of day, and neither a day nor a level. A job that failed
# and one that went well look alike but for their words; which night a line is from, nobody can tell.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'rq==2.6.0'
PYTHONPATH=$folder python3 - <<'PY'
import importlib.metadata
import io
import logging
import re

from rq.logutils import setup_loghandlers

print("rq", importlib.metadata.version("rq"))
setup_loghandlers("INFO")
written = io.StringIO()
logger = logging.getLogger("rq.worker")
for handler in logger.handlers:
    handler.stream = written
logger.error("the job failed")
logger.info("the job is done")
lines = [re.sub(r"\x1b\[[0-9;]*m|\x1b\(B", "", line).strip() for line in written.getvalue().splitlines() if line.strip()]
print("\n".join(lines))
assert lines, "it writes nothing here"
assert all(re.fullmatch(r"\d\d:\d\d:\d\d the job (failed|is done)", line) for line in lines), "it says more now"
PY
