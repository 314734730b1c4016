#!/usr/bin/env bash
# livekit-agents: a job's log records go to the main process with the traceback in the message, and once more as exc_text, so that each formatter
# there writes it twice; args are None and exc_info is empty. The standard library's QueueHandler, which it was made after, leaves one. The process
# of the job keeps its own handlers, so that a handler that its module attaches gets each record in both processes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile livekit-agents==1.8.9
cat > "$work/program.py" <<'PY'
import logging, logging.handlers, queue, socket
from importlib.metadata import version
from livekit.agents.ipc.log_queue import LogQueueHandler, LogQueueListener
from livekit.agents.utils.aio.duplex_unix import _Duplex
lines = []
class Recorder(logging.Handler):
    def emit(self, record): lines.append((record.args, record.exc_info, self.format(record)))
logging.getLogger("shop").addHandler(Recorder())
here, there = socket.socketpair()
listener, handler = LogQueueListener(_Duplex.open(here), lambda record: None), LogQueueHandler(_Duplex.open(there))
listener.start()
waiting = queue.SimpleQueue()
job = logging.Logger("shop")
job.handlers = [handler, logging.handlers.QueueHandler(waiting)]
try: raise ValueError("boom")
except ValueError: job.exception("order %s failed", 7)
handler.close()
handler.thread.join(10)
listener.stop()
logging.getLogger("shop").handle(waiting.get(timeout=10))
(args, exc_info, forwarded), (_, _, queued) = lines
print("livekit-agents", version("livekit-agents"), "\n" + forwarded)
assert (args, exc_info) == (None, None)
assert forwarded.count("Traceback (most recent call last):") == 2 and queued.count("Traceback (most recent call last):") == 1
PY
cd "$work"
"$work/venv/bin/python" program.py
