#!/usr/bin/env bash
# Chalice: making an application cuts off the logger of its name, and with it every logger below: of Chalice(app_name="shop") the root
# logger's handlers get neither what a view raises nor what getLogger("shop.pay") logs. A handler that is there before changes nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q chalice==1.34.0
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
from chalice import Chalice
from chalice.test import Client
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append(record.name)
logging.getLogger().addHandler(Recorder())
logging.getLogger("shop.pay").error("before")
app = Chalice(app_name="shop")
@app.route("/pay")
def pay(): raise ValueError("boom")
with Client(app) as client:
    status = client.http.get("/pay").status_code
logging.getLogger("shop.pay").error("after")
logging.getLogger("ship").error("after")
print("chalice", version("chalice"), "- status", status, "- the root logger's handler got", seen)
assert status == 500 and seen == ["shop.pay", "ship"]
PY
cd "$work"
"$work/venv/bin/python" program.py
