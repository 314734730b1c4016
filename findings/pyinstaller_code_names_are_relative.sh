#!/usr/bin/env bash
# PyInstaller: the `co_filename` of each packed module, the standard library's too, is relative ("json/__init__.py"), so
# that `record.pathname` and the frames of tracebacks are. Rules that know a library by its folder ("site-packages",
# the standard library's) find none; and what reads source lines finds any file of that name in the working directory.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pyinstaller==6.22.3 certifi==2026.10.19.post1
cat >"$folder/program.py" <<'PY'
import json, linecache, logging, certifi, os

class Shown(logging.Handler):
    def emit(self, record):
        print("record.pathname:", record.pathname)
        assert record.pathname == "program.py"

logging.getLogger().addHandler(Shown())
logging.error("packed")
for function in (json.loads, logging.Logger.error, certifi.where):
    print(function.__qualname__, function.__code__.co_filename)
    assert not os.path.isabs(function.__code__.co_filename)
with open("program.py", "w") as file:  # in the working directory, and nothing of the program
    file.write("another line\n")
print("line 1:", linecache.getline("program.py", 1).strip())
assert linecache.getline("program.py", 1) == "another line\n"
PY
cd "$folder"
venv/bin/pyinstaller --onedir --log-level ERROR program.py
venv/bin/pip list --disable-pip-version-check 2>/dev/null | grep -iE "^pyinstaller "
mkdir elsewhere && cd elsewhere
../dist/program/program
