#!/usr/bin/env bash
# typer: calling an application sets `sys.excepthook`, and does not call the hook that it replaces, nor puts it back; not even with
# pretty_exceptions_enable=False, nor if the hook was set after `import typer`. Only one that is set while the command runs is called.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q typer==0.29.2
cat > "$work/program.py" <<'PY'
import sys
import typer
mine = lambda kind, error, traceback: print("my hook got", repr(error))
sys.excepthook = mine
app = typer.Typer(pretty_exceptions_enable=False)
@app.command()
def pay(late: bool = False):
    if late: sys.excepthook = mine
    raise ValueError("boom")
app()
PY
cd "$work"
early=$("$work/venv/bin/python" program.py 2>/dev/null || true)
late=$("$work/venv/bin/python" program.py --late 2>/dev/null || true)
"$work/venv/bin/python" -c 'from importlib.metadata import version; print("typer", version("typer"))'
echo "a hook set after the import: '$early' - set in the command: '$late'"
test "$early" = "" && test "$late" = "my hook got ValueError('boom')"
