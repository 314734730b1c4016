#!/usr/bin/env bash
# durabletask, the SDK behind Azure's Durable Functions and Dapr's workflows: of an activity that raises, its worker logs no more than "Orchestration ship
# completed with status: FAILED", at INFO, in a logger that passes nothing on. The exception's type is in no record, not even at DEBUG.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q durabletask==1.12.0
cat > "$work/program.py" <<'PY'
import contextlib, io, logging, socket
from importlib.metadata import version
from durabletask import client, worker
from durabletask.testing import create_test_backend
hers, root = [], []
class Recorder(logging.Handler):
    def __init__(self, kept): super().__init__(0); self.kept = kept
    def emit(self, record): self.kept.append((record.levelname, record.getMessage(), bool(record.exc_info)))
with socket.create_server(("127.0.0.1", 0)) as free: port = free.getsockname()[1]
def pay(context, order): raise ValueError("boom")
def ship(context, order): yield context.call_activity(pay, input=order)
with contextlib.redirect_stderr(io.StringIO()):
    create_test_backend(port=port)
    hub = worker.TaskHubGrpcWorker(host_address=f"localhost:{port}", log_handler=Recorder(hers))
    logging.getLogger("durabletask-worker").setLevel(logging.DEBUG)
    logging.getLogger().addHandler(Recorder(root))
    hub.add_orchestrator(ship)
    hub.add_activity(pay)
    hub.start()
    caller = client.TaskHubGrpcClient(host_address=f"localhost:{port}")
    state = caller.wait_for_orchestration_completion(caller.schedule_new_orchestration(ship, input=7), timeout=60)
    hub.stop()
told = [each for each in hers if "FAILED" in each[1] or "boom" in each[1]]
print("durabletask", version("durabletask"), "worker:", [(level, text[34:], exc_info) for level, text, exc_info in told])
print("root:", [each for each in root if "boom" in each[1]], "- the caller gets:", state.failure_details.error_type, state.failure_details.message[34:])
assert [(level, text[34:], exc_info) for level, text, exc_info in told] == [("INFO", "Orchestration ship completed with status: FAILED", False)]
assert not any("boom" in each[1] for each in root) and not any("ValueError" in each[1] for each in hers + root)
assert state.failure_details.error_type == "durabletask.task.TaskFailedError"
PY
cd "$work"
"$work/venv/bin/python" program.py
