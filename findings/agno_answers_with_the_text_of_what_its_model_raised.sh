#!/usr/bin/env bash
# Agno: what a model raises is raised to nobody: run() returns, and the content, which otherwise is the model's answer, is the exception's text; only
# the status says that it is none. The record has no exc_info, and its logger passes nothing on. A hook that fails after the run does not even change
# the status.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile agno==3.1.10
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse
root, own = [], []
class Recorder(logging.Handler):
    def __init__(self, seen): super().__init__(); self.seen = seen
    def emit(self, record): self.seen.append((record.levelname, bool(record.exc_info), str(record.msg)))
logging.getLogger().addHandler(Recorder(root))
logging.getLogger("agno").addHandler(Recorder(own))
class Good(Model):
    def invoke(self, *_, **__): return ModelResponse(role="assistant", content="paid")
    async def ainvoke(self, *_, **__): return self.invoke()
    def invoke_stream(self, *_, **__): yield self.invoke()
    async def ainvoke_stream(self, *_, **__): yield self.invoke()
    def _parse_provider_response(self, response, **_): return response
    def _parse_provider_response_delta(self, response): return response
class Bad(Good):
    def invoke(self, *_, **__): raise LookupError("no such order")
def check(run_output): raise KeyError("hook")
bad = Agent(model=Bad(id="bad"), telemetry=False).run("pay")
hooked = Agent(model=Good(id="good"), post_hooks=[check], telemetry=False).run("pay")
print("agno", version("agno"), bad.status, repr(bad.content), hooked.status, repr(hooked.content), own)
assert (bad.status.value, bad.content, hooked.status.value, hooked.content) == ("ERROR", "no such order", "COMPLETED", "paid")
assert root == [] and own[0] == ("ERROR", False, "Error in Agent run: no such order")
PY
cd "$work"
"$work/venv/bin/python" program.py
