#!/usr/bin/env bash
# pymodbus: of a failure that repeats, the second record says 'Repeating....' and no more, and the third and all later ones are not logged
# at all, until another text comes between. So neither counts nor reminders can be made from its records.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pymodbus==3.16.1
cat > "$work/program.py" <<'PY'
import logging, socket
import pymodbus
from pymodbus.client import ModbusTcpClient
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.levelname, record.getMessage()))
logging.getLogger().addHandler(Recorder())
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
client = ModbusTcpClient("127.0.0.1", port=port, timeout=1)
results = [client.connect() for _ in range(6)]
print("pymodbus", pymodbus.__version__, "- connect() returned", results, "-", seen)
assert results == [False] * 6
assert len(seen) == 2 and seen[0][0] == "ERROR" and "failed" in seen[0][1] and seen[1] == ("ERROR", "Repeating....")
PY
cd "$work"
"$work/venv/bin/python" program.py
