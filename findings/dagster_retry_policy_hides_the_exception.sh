#!/usr/bin/env bash
# dagster: the error of a step that used up its RetryPolicy is dagster's own RetryRequestedFromPolicy; without a policy it is another of dagster's. What the step raised is a cause in both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q dagster==1.13.29
cat > "$work/program.py" <<'PY'
import logging
import dagster
from dagster import RetryPolicy, job, op
@op(retry_policy=RetryPolicy(max_retries=1))
def tire(): raise ValueError("boom")
@op
def plain(): raise ValueError("boom")
@job
def billing(): tire(); plain()
logging.disable(logging.CRITICAL)
result = billing.execute_in_process(raise_on_error=False)
errors = {e.step_key: e.event_specific_data.error for e in result.all_events if e.event_type_value == "STEP_FAILURE"}
told = {step: (error.cls_name, error.cause and error.cause.cls_name) for step, error in errors.items()}
print("dagster", dagster.__version__, told)
assert told == {"tire": ("RetryRequestedFromPolicy", "ValueError"), "plain": ("DagsterExecutionStepExecutionError", "ValueError")}
PY
cd "$work"
"$work/venv/bin/python" program.py
