#!/usr/bin/env bash
# BentoML: a request that does not fit the types of an API is answered with 400, and logged as an ERROR with its traceback, by the same line and template as an API that fails (500); the status is not in the record.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q bentoml==1.4.40
cat > "$work/service.py" <<'PY'
import json, logging
import bentoml
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR: print("RECORD", json.dumps([record.name, record.levelname, record.msg, list(record.args), record.exc_info[0].__name__]), flush=True)
logging.getLogger("bentoml").addHandler(Recorder())
@bentoml.service
class Shop:
    @bentoml.api
    def pay(self, order: int) -> int: raise ValueError("boom")
PY
cat > "$work/ask.py" <<'PY'
import json, sys, time, urllib.error, urllib.request
def ask(order):
    request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/pay", json.dumps({"order": order}).encode(), {"Content-Type": "application/json"})
    try: return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as answer: return answer.code
for _ in range(240):
    try: print("BentoML's answers:", ask(7), ask("seven")); break
    except OSError: time.sleep(0.5)
PY
cd "$work"
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
export BENTOML_HOME="$work" BENTOML_DO_NOT_TRACK=True
"$work/venv/bin/bentoml" serve service:Shop --host 127.0.0.1 --port "$port" > out.txt 2>&1 &
server=$!
"$work/venv/bin/python" ask.py "$port" | tee answers.txt
kill "$server"
wait "$server" || true
grep -o "RECORD.*" out.txt
grep -q "answers: 500 400" answers.txt
test "$(grep -o 'RECORD.*' out.txt | sed 's/, "[A-Za-z]*Error"\]$//' | sort -u | wc -l)" = 1
test "$(grep -c 'RECORD.*"ERROR".*"ValidationError"' out.txt)" = 1
test "$(grep -c 'RECORD.*"ERROR".*"ValueError"' out.txt)" = 1
