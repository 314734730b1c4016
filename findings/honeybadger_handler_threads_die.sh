#!/usr/bin/env bash
# honeybadger: its logging handler sends each record from a new thread, and catches nothing there: where the service cannot be reached, each record ends
# a thread by an uncaught exception (threading.excepthook), and logging.Handler.handleError never hears of it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q honeybadger==1.3.0
cat > "$work/program.py" <<'PY'
import logging, socket, threading
from importlib.metadata import version
from honeybadger import honeybadger
from honeybadger.contrib.logger import HoneybadgerHandler
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{free.getsockname()[1]}"
ended, told = [], []
threading.excepthook = lambda args: ended.append((args.thread.daemon, args.exc_type.__name__))
class Told(HoneybadgerHandler):
    def handleError(self, record): told.append(record)
handler = Told(api_key="0000")
honeybadger.configure(endpoint=address, report_local=False)
log = logging.getLogger("shop")
log.addHandler(handler)
for _ in range(3): log.error("it broke")
for thread in threading.enumerate():
    if thread is not threading.current_thread() and not thread.daemon: thread.join()
print("honeybadger", version("honeybadger"), "- threads ended by", ended, "- told by handleError:", len(told))
assert ended == [(False, "URLError")] * 3 and told == []
PY
cd "$work"
"$work/venv/bin/python" program.py
