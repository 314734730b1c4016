#!/usr/bin/env bash
# absl: a record of CRITICAL that does not end the program is written with the letter E, as an error is; the word
# stands in the message: "E1129 03:12:07.123456 4711 shop.py:3] CRITICAL - no database". Who looks for the worst
# by its letter (F, or C) finds none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'absl-py==2.3.1'
PYTHONPATH=$folder python3 - <<'PY'
import importlib.metadata
import logging

from absl import logging as absl_logging

print("absl-py", importlib.metadata.version("absl-py"))
formatter = absl_logging.PythonFormatter()
lines = []
for level, message in ((logging.ERROR, "order failed"), (logging.CRITICAL, "no database")):
    lines.append(formatter.format(logging.LogRecord("shop", level, "shop.py", 3, message, (), None)))
print("\n".join(lines))
assert [line[0] for line in lines] == ["E", "E"], "critical has a letter of its own now"
assert lines[1].endswith("] CRITICAL - no database"), "the word is not in the message any more"
PY
