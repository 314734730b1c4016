#!/usr/bin/env bash
# newrelic, local decorating: the agent puts a getMessage of its own on each log record, so that the text that any handler writes ends in NR-LINKING with
# the ids of trace and span; msg and args stay. Outside of a transaction the ids are empty, but the rest is appended, too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q newrelic==14.1.0
cat > "$work/program.py" <<'PY'
import logging, os
os.environ.update(NEW_RELIC_LICENSE_KEY="0" * 40, NEW_RELIC_APP_NAME="shop", NEW_RELIC_DEVELOPER_MODE="true")
os.environ["NEW_RELIC_APPLICATION_LOGGING_LOCAL_DECORATING_ENABLED"] = "true"
import newrelic, newrelic.agent
newrelic.agent.initialize()
newrelic.agent.register_application(timeout=5)
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.msg, record.args, "getMessage" in vars(record), record.getMessage()))
log = logging.getLogger("shop")
log.addHandler(Recorder())
@newrelic.agent.background_task()
def pay(order): log.error("order %s failed", order)
pay(7)
log.error("order %s failed", 8)
print("newrelic", newrelic.version, *seen, sep="\n  ")
assert [each[:3] for each in seen] == [("order %s failed", (7,), True), ("order %s failed", (8,), True)]
assert seen[0][3].startswith("order 7 failed NR-LINKING|") and seen[1][3].startswith("order 8 failed NR-LINKING|")
assert len(seen[0][3].split("|")[3]) == 32 and seen[1][3].split("|")[3] == ""
PY
cd "$work"
"$work/venv/bin/python" program.py
