#!/usr/bin/env bash
# DSPy: dspy.Parallel answers None for what a module raised, and raises nothing, unless there are max_errors of them; dspy.Evaluate counts a metric
# that raised as 0. The record has neither exc_info nor a traceback, but the whole input, and is of a logger below dspy, which passes nothing on to
# the root logger.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile dspy==3.4.1
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
import dspy
root, own = [], []
class Recorder(logging.Handler):
    def __init__(self, seen): super().__init__(); self.seen = seen
    def emit(self, record): self.seen.append((record.name, record.levelname, bool(record.exc_info), record.getMessage()))
logging.getLogger().addHandler(Recorder(root))
logging.getLogger("dspy").addHandler(Recorder(own))
class Pay(dspy.Module):
    def forward(self, customer): raise ValueError("boom")
class Ship(dspy.Module):
    def forward(self, customer): return "shipped"
order = dspy.Example(customer="alice").with_inputs("customer")
answers = dspy.Parallel(num_threads=1, disable_progress_bar=True)([(Pay(), order), (Ship(), order)])
def metric(example, prediction, trace=None): raise KeyError("metric")
score = dspy.Evaluate(devset=[order], metric=metric, num_threads=1)(Ship()).score
print("dspy", version("dspy"), answers, score, own)
errors = [record for record in own if record[1] == "ERROR"]
assert answers == [None, "shipped"] and score == 0.0 and root == []
assert len(errors) == 2 and all(not exc_info and "'customer': 'alice'" in text for _, _, exc_info, text in errors)
PY
cd "$work"
"$work/venv/bin/python" program.py
