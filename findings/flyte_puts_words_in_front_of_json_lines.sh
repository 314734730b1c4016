#!/usr/bin/env bash
# flyte and python-json-logger: `flyte.init()` wraps the formatter of each handler that the root logger has. In a task, a line of JSON then begins with the
# run's and the action's names in brackets, and is JSON no more; outside of a task it stays JSON. A handler without a formatter gets one that writes the level.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q flyte==2.12.1 python-json-logger==4.1.0
cat > "$work/program.py" <<'PY'
import io, json, logging
from importlib.metadata import version
from pythonjsonlogger.json import JsonFormatter
written = io.StringIO()
handler, plain = logging.StreamHandler(written), logging.NullHandler()
own = JsonFormatter("%(levelname)s %(message)s")
handler.setFormatter(own)
logging.basicConfig(handlers=[handler, plain])
log = logging.getLogger("shop")
plain.setFormatter(None)
import flyte
env = flyte.TaskEnvironment(name="shop")
@env.task
async def pay() -> int:
    log.error("no stock")
    return 1
flyte.init()
log.error("ready")
flyte.with_runcontext(mode="local").run(pay)
outside, inside = written.getvalue().splitlines()
print("flyte", version("flyte"), "python-json-logger", version("python-json-logger"))
print("outside:", outside)
print("in a task:", inside)
shown = plain.format(logging.makeLogRecord({"msg": "no stock", "levelname": "ERROR"}))
print("a handler without a formatter:", type(plain.formatter).__name__, repr(shown))
assert handler.formatter is not own and json.loads(outside)["message"] == "ready"
try: json.loads(inside)
except ValueError: pass
else: raise AssertionError(inside)
assert inside.startswith("[") and json.loads(inside[inside.index("{"):])["message"] == "no stock"
assert shown == "ERROR no stock"
PY
cd "$work"
HOME="$work" "$work/venv/bin/python" program.py 2>"$work/stderr" || { cat "$work/stderr"; exit 1; }
