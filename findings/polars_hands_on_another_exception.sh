#!/usr/bin/env bash
# polars: what a Python function raised is raised by the call, but not always as it was: map_elements makes another exception of the same type, whose
# text has two lines more (its __init__ runs again); map_groups a ComputeError without a cause; map_batches and map_rows hand on the same object.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q polars==2.1.0
cat > "$work/program.py" <<'PY'
import polars
frame, made = polars.DataFrame({"a": [1, 2]}), []
class NoOrder(LookupError):
    def __init__(self, text): super().__init__(text); made.append(self)
def pay(*_): raise NoOrder("no order")
column = polars.col("a")
runs = {
    "map_elements": lambda: frame.with_columns(column.map_elements(pay, return_dtype=polars.Int64)),
    "map_batches": lambda: frame.lazy().with_columns(column.map_batches(pay, return_dtype=polars.Int64)).collect(),
    "map_rows": lambda: frame.map_rows(pay),
    "map_groups": lambda: frame.group_by("a").map_groups(pay),
}
found = {}
print("polars", polars.__version__)
for name, run in runs.items():
    made.clear()
    try: run()
    except Exception as error:
        found[name] = type(error).__name__, len(made), error is made[0], error.__cause__, str(error)
        print(f"  {name:13}{found[name][0]:13}the same object: {error is made[0]}, cause: {error.__cause__}, text: {str(error)!r}")
assert found["map_elements"][:4] == ("NoOrder", 2, False, None) and found["map_elements"][4].startswith("no order\n\nThis error")
assert found["map_batches"] == found["map_rows"] == ("NoOrder", 1, True, None, "no order")
assert found["map_groups"] == ("ComputeError", 1, False, None, "UDF failed: no order")
PY
cd "$work"
"$work/venv/bin/python" program.py
