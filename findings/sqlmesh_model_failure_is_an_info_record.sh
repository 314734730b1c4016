#!/usr/bin/env bash
# sqlmesh: what a model raised is an INFO record, behind two exceptions of sqlmesh's; what is raised to the caller, "Plan application failed.", has no cause and names no model.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sqlmesh==0.236.4
mkdir -p "$work/shop/models"
cat > "$work/shop/config.yaml" <<'YAML'
gateways: {local: {connection: {type: duckdb}}}
default_gateway: local
model_defaults: {dialect: duckdb, start: 2026-01-01}
disable_anonymized_analytics: true
YAML
cat > "$work/shop/models/pay.py" <<'PY'
from sqlmesh import model
@model("shop.pay", kind="FULL", columns={"id": "int"})
def execute(context, start, end, execution_time, **kwargs): raise ValueError("boom")
PY
cat > "$work/program.py" <<'PY'
import logging, os
from importlib.metadata import version
os.environ["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "true"
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.exc_info: seen.append((record.name, record.levelname, record.exc_info[1]))
        assert record.levelno < logging.WARNING or "sqlmesh" not in record.name
logging.getLogger().addHandler(Recorder())
logging.getLogger().setLevel(logging.INFO)
from sqlmesh import Context
try: Context(paths="shop").plan(auto_apply=True, no_prompts=True)
except Exception as error: raised = error
(name, level, logged), *more = seen
chain = [logged]
while (link := chain[-1].__cause__ or chain[-1].__context__): chain.append(link)
print("sqlmesh", version("sqlmesh"), name, level, more, [type(link).__name__ for link in chain], "raised: " + repr(raised), sep="\n  ")
assert level == "INFO" and {other[1] for other in more} <= {"INFO"} and type(chain[-1]) is ValueError and len(chain) == 3
assert str(raised) == "Plan application failed." and raised.__cause__ is None and raised.__context__ is None
PY
cd "$work"
timeout 120 "$work/venv/bin/python" program.py > out.txt
sed -n '/^sqlmesh/,$p' out.txt
