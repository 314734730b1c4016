#!/usr/bin/env bash
# structlog, dict_tracebacks: of an exception that was raised from another, the other is left out if it was not raised itself, as in
# raise PaymentError() from KeyError("card"). Python prints it, and so does rich, after which the module was made.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile structlog==26.1.0 rich==15.0.0
cat > "$work/program.py" <<'PY'
import io, json, traceback
from importlib.metadata import version
import structlog
from rich.console import Console
from rich.traceback import Traceback
def pay(): raise ValueError("payment failed") from KeyError("card")
try: pay()
except ValueError as error: failed = error
printed = "".join(traceback.format_exception(failed))
event = structlog.processors.dict_tracebacks(None, "error", {"event": "x", "exc_info": failed})
out = io.StringIO()
Console(file=out, width=120, force_terminal=False).print(Traceback.from_exception(type(failed), failed, failed.__traceback__))
shown = out.getvalue()
print("structlog", version("structlog"), [(each["exc_type"], each["exc_value"]) for each in event["exception"]], "rich", version("rich"), "KeyError: 'card'" in shown)
assert "KeyError: 'card'" in printed
assert [each["exc_type"] for each in event["exception"]] == ["ValueError"]
assert "KeyError: 'card'" in shown
PY
cd "$work"
"$work/venv/bin/python" program.py
