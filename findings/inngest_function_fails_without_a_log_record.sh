#!/usr/bin/env bash
# inngest: what a function raises is logged by nothing, at no level, though the client was given a logger: it is answered to Inngest alone, with status
# 500 and the traceback. A request for a function that does not exist is an ERROR of that logger.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile inngest==0.5.19 flask==3.1.3
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
import flask, inngest, inngest.flask
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage()))
logging.basicConfig(level=logging.DEBUG, handlers=[Recorder()])
app = flask.Flask("shop")
client = inngest.Inngest(app_id="shop", is_production=False, logger=logging.getLogger("inngest"))
@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"))
def pay(context: inngest.ContextSync) -> str: raise LookupError("no order")
inngest.flask.serve(app, client, [pay])
def run(name):
    seen.clear()
    event = {"name": name, "data": {}, "id": "1", "ts": 1}
    context = {"attempt": 3, "disable_immediate_execution": False, "run_id": "r", "stack": {"stack": []}, "use_api": False, "max_attempts": 4}
    body = {"ctx": context, "event": event, "events": [event], "steps": {}, "use_api": False}
    answer = app.test_client().post(f"/api/inngest?fnId=shop-{name}&stepId=step", json=body)
    told = answer.get_json()
    return answer.status_code, told["name"], "Traceback" in str(told.get("stack")), [*seen]
failed, unknown = run("pay"), run("ship")
print("inngest " + version("inngest"), failed, unknown, sep="\n  ")
assert failed == (500, "LookupError", True, [])
assert unknown[0] == 500 and unknown[3] == [("inngest", "ERROR", "function_not_found: function shop-ship not found")]
PY
cd "$work"
"$work/venv/bin/python" program.py
