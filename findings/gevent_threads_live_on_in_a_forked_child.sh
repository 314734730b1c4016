#!/usr/bin/env bash
# gevent: a thread of the patched `threading` goes on in the child of `os.fork`, where Python says that only the
# forking thread does. `is_alive()` says False and `enumerate()` does not list it, and its next line runs all the
# same, in both processes: what a sender was about to send is sent twice. In the child it cannot end either:
# `threading` no longer knows it, and gevent prints a KeyError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$folder" 'gevent==26.9.0'
cat > "$folder/main.py" <<'PY'
from gevent import monkey

monkey.patch_all()
import importlib.metadata
import os
import sys
import threading
import time


def send():
    time.sleep(0.3)
    os.write(1, b"sent by the parent\n" if os.getpid() == parent else b"sent by the child\n")


print("gevent", importlib.metadata.version("gevent"), flush=True)
parent = os.getpid()
thread = threading.Thread(target=send, daemon=True)
thread.start()
time.sleep(0.05)
child = os.fork()
if child == 0:
    print("in the child: alive", thread.is_alive(), "threads", len(threading.enumerate()), flush=True)
    time.sleep(0.6)
    sys.exit()
os.waitpid(child, 0)
time.sleep(0.5)
PY
PYTHONPATH=$folder python3 "$folder/main.py" > "$folder/out" 2> "$folder/err"
cat "$folder/out"
grep -o "failed with KeyError" "$folder/err"
grep -q "in the child: alive False threads 1" "$folder/out" || { echo "the child knows its thread now"; exit 1; }
grep -q "sent by the child" "$folder/out" || { echo "threads end in a child now"; exit 1; }
grep -q "sent by the parent" "$folder/out"
