#!/usr/bin/env bash
# aio-pika: a consumer that raises is an ERROR of asyncio's ("Exception in callback _task_done") besides what is raised to the one who awaits it, which aiormq logs as an ERROR once more: one failure, two records, one exception object.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q aio-pika==10.2.1 aiormq==7.2.4
cat > "$work/program.py" <<'PY'
import asyncio, logging
from importlib.metadata import version
from aio_pika.tools import create_task  # as a queue runs its consumer
from aiormq.channel import Channel
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage().split("(")[0], record.exc_info[1]))
logging.getLogger().addHandler(Recorder())
async def on_message(message): raise ValueError("boom")
async def consumer(message): return await create_task(on_message, message)
async def main():
    task = asyncio.create_task(consumer("order 7"))
    task.add_done_callback(Channel._on_consumer_done)  # as aiormq runs aio-pika's
    await asyncio.wait([task])
asyncio.run(main())
print("aio-pika", version("aio-pika"), "aiormq", version("aiormq"), *seen, sep="\n  ")
assert [each[:3] for each in seen] == [("asyncio", "ERROR", "Exception in callback _task_done"), ("aiormq.channel", "ERROR", "Consumer callback failed")]
assert seen[0][3] is seen[1][3]
PY
cd "$work"
"$work/venv/bin/python" program.py
