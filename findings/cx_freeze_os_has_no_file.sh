#!/usr/bin/env bash
# cx_Freeze: in a packed program `os` has no `__file__`, as of a module that is compiled into the interpreter. Libraries
# that find the standard library's folder by `os.path.dirname(os.__file__)`, to tell its frames from the application's,
# cannot even be imported. And `__file__` of other modules is where the program was unpacked, while the
# `co_filename` of their code, which tracebacks and log records show, is where it was packed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check cx_Freeze==8.7.3
cat >"$folder/program.py" <<'PY'
import json, logging, os, sys

print("packed:", sys.frozen, "| os.__file__:", getattr(os, "__file__", None))
print("logging.__file__:", logging.__file__)
print("its code:", logging.Logger.error.__code__.co_filename)
assert sys.frozen and not hasattr(os, "__file__")
assert logging.__file__ != logging.Logger.error.__code__.co_filename
try:
    json.loads("{")
except ValueError as error:
    frame = error.__traceback__.tb_next.tb_frame
    assert frame.f_code.co_filename != json.__file__, json.__file__
PY
cd "$folder"
venv/bin/cxfreeze --script program.py build_exe --build-exe out >packed.log 2>&1 || { tail -5 packed.log; exit 1; }
venv/bin/pip list --disable-pip-version-check 2>/dev/null | grep -i cx_freeze
python3 --version
./out/program
