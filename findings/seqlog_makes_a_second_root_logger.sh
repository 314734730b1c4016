#!/usr/bin/env bash
# seqlog, override_root_logger=True: it puts another object in the place of the root logger. The old one stays the parent of the loggers that exist,
# so that a program has two roots: handlers attached before see those loggers only, handlers attached later only the others.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q seqlog==0.4.3
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
import seqlog
class Recorder(logging.Handler):
    def __init__(self): super().__init__(); self.seen = []
    def emit(self, record): self.seen.append(record.name)
early, late, old = Recorder(), Recorder(), logging.getLogger()
old.addHandler(early)
before = logging.getLogger("before")
seqlog.log_to_seq(server_url="http://127.0.0.1:9/", level=logging.ERROR, batch_size=1000, auto_flush_timeout=None, override_root_logger=True)
logging.getLogger().addHandler(late)
before.error("it broke")
logging.getLogger("after").error("it broke")
print("seqlog", version("seqlog"), "- the same root logger:", logging.getLogger() is old, "- seen by the early handler", early.seen, "by the late one", late.seen)
assert logging.getLogger() is not old and before.parent is old
assert early.seen == ["before"] and late.seen == ["after"]
logging.getLogger().handlers.clear()
PY
cd "$work"
"$work/venv/bin/python" program.py
