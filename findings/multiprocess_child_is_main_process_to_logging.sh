#!/usr/bin/env bash
# multiprocess (pathos, datasets, mpire): its Process is no multiprocessing.Process, and the standard library knows nothing of its children: in a
# child named "payer" a log record's processName is MainProcess, and multiprocessing.parent_process() is None, as in the main program.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q multiprocess==0.70.19
cat > "$work/program.py" <<'PY'
import logging, multiprocessing, sys
from importlib.metadata import version
import multiprocess
def child(name):
    record = logging.makeLogRecord({}).__class__("shop", 40, "shop.py", 1, "it broke", (), None)
    package = sys.modules[name]
    print(f"{name:15} its own name {package.current_process().name!r}, processName {record.processName!r}, a parent: {multiprocessing.parent_process() is not None}", flush=True)
    wanted = ("payer", True) if name == "multiprocessing" else ("MainProcess", False)
    assert (record.processName, multiprocessing.parent_process() is not None) == wanted
    assert package.current_process().name == "payer"
if __name__ == "__main__":
    print("multiprocess", version("multiprocess"))
    for package in (multiprocessing, multiprocess):
        process = package.Process(target=child, args=(package.__name__,), name="payer")
        process.start()
        process.join()
        assert process.exitcode == 0
    assert not issubclass(multiprocess.Process, multiprocessing.process.BaseProcess)
PY
cd "$work"
"$work/venv/bin/python" program.py
