#!/usr/bin/env bash
# Metaflow: what a step raises is printed in the step's own process, which exits with status 1; it reaches neither sys.excepthook nor logging, and the last attempt looks like one that will be tried again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q metaflow==2.19.39
cat > "$work/flow.py" <<'PY'
import logging, pathlib, sys, traceback
from metaflow import FlowSpec, retry, step
class Recorder(logging.Handler):
    def emit(self, record): pathlib.Path("met.txt").write_text(f"a record: {record.getMessage()}")
logging.getLogger().addHandler(Recorder())
sys.excepthook = lambda *error: pathlib.Path("met.txt").write_text(f"the hook: {error[1]!r}")
class Shop(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        if True: raise ValueError("boom")
        self.next(self.end)
    @step
    def end(self): pass
if __name__ == "__main__": Shop()
PY
cd "$work"
export USERNAME=shop METAFLOW_HOME="$work/home"
status=0
timeout 120 "$work/venv/bin/python" flow.py run > out.txt 2>&1 || status=$?
echo "metaflow $("$work/venv/bin/pip" list 2>/dev/null | awk '$1 == "metaflow" {print $2}') exits with status $status; met: $(cat met.txt 2>/dev/null || echo nothing)"
grep -E "ValueError: boom|Task failed|Task is starting \(retry\)" out.txt
test "$status" = 1
test ! -e met.txt
test "$(grep -c 'ValueError: boom' out.txt)" = 2
