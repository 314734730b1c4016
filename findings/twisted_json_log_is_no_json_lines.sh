#!/usr/bin/env bash
# Twisted, jsonFileLogObserver: each line begins with the control character RS (a JSON text sequence, RFC 7464), so
# that what reads JSON lines fails at the first one. And a failure's traceback is not in it: only the frames, as a
# list, and "value" is "unpersistable": what the exception said is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'twisted==25.5.0'
PYTHONPATH=$folder python3 - <<'PY'
import importlib.metadata
import io
import json

from twisted.logger import Logger, jsonFileLogObserver

print("twisted", importlib.metadata.version("twisted"))
written = io.StringIO()
try:
    raise LookupError("no card for order 7")
except LookupError:
    Logger("shop", observer=jsonFileLogObserver(written)).failure("could not charge")
line = written.getvalue().strip("\n")
print(ascii(line[:60]))
assert line[0] == "\x1e", "it begins with its object now"
try:
    json.loads(line)
except ValueError as error:
    print("json.loads:", error)
else:
    raise AssertionError("it is JSON as it stands now")
failure = json.loads(line[1:])["log_failure"]
print({name: failure[name] for name in ("value", "frames")})
assert "no card for order 7" not in line, "what was raised is in it now"
assert failure["value"] == {"unpersistable": True}, "the value is in it now"
PY
