#!/usr/bin/env bash
# prefect: `from prefect import flow` replaces the root logger's handlers; `import prefect` alone does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q prefect==3.9.1
cat > "$work/program.py" <<'PY'
import logging, os
os.environ["PREFECT_HOME"] = os.path.join(os.getcwd(), "home")
mine = logging.NullHandler()
root = logging.getLogger()
root.addHandler(mine)
import prefect
after_import = mine in root.handlers
from prefect import flow
after_flow = mine in root.handlers
print("prefect", prefect.__version__, "handler kept after `import prefect`:", after_import, "- after `from prefect import flow`:", after_flow, root.handlers)
assert after_import and not after_flow
PY
cd "$work"
"$work/venv/bin/python" program.py
