#!/usr/bin/env bash
# ecs-logging and the JSON format of AWS Lambda's own runtime (awslambdaric): the stack trace is that of the outermost exception alone: what caused
# it, the notes that were added to it and the members of a group are nowhere in the line. What logging writes by default has all of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile ecs-logging==2.3.0 awslambdaric==4.2.2
cat > "$work/program.py" <<'PY'
import io, logging
from importlib.metadata import version
import ecs_logging
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
def look_up(): raise LookupError("cause")
def pay():
    try: look_up()
    except LookupError as cause:
        failed = ExceptionGroup("batch", [ValueError("member")])
        failed.add_note("see order 7")
        raise failed from cause
found = {}
for formatter in (logging.Formatter(), ecs_logging.StdlibFormatter(), JsonFormatter()):
    log, out = logging.Logger("shop"), io.StringIO()
    log.addHandler(logging.StreamHandler(out))
    log.handlers[0].setFormatter(formatter)
    try: pay()
    except Exception: log.exception("payment failed")
    found[type(formatter).__module__.partition(".")[0]] = {text: text in out.getvalue() for text in ("LookupError: cause", "in look_up", "ValueError: member", "see order 7", "in pay")}
print("ecs-logging", version("ecs-logging"), "awslambdaric", version("awslambdaric"))
for name, has in found.items(): print(f"{name:13}", has)
assert all(found["logging"].values())
for name in ("ecs_logging", "awslambdaric"): assert [*found[name].values()] == [False, False, False, False, True], name
PY
cd "$work"
"$work/venv/bin/python" program.py
