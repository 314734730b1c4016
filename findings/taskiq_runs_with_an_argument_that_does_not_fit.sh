#!/usr/bin/env bash
# taskiq: an argument that does not fit its annotation (int) is no error: a WARNING, and the task runs with the text as it came. One that fits is
# converted: "7" arrives as 7.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q taskiq==0.13.0
cat > "$work/program.py" <<'PY'
import asyncio, logging
from importlib.metadata import version
from taskiq import InMemoryBroker
seen, got = [], []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.levelname, record.getMessage().split("\n")[0][:80]))
logging.getLogger().addHandler(Recorder())
broker = InMemoryBroker()
@broker.task
async def pay(order: int) -> None: got.append(order)
async def main():
    await broker.startup()
    for order in ("7", "abc"):
        result = await (await pay.kiq(order)).wait_result()
        assert not result.is_err
    await broker.shutdown()
asyncio.run(main())
print("taskiq", version("taskiq"), "- got", got, *seen)
assert got == [7, "abc"] and [level for level, _ in seen] == ["WARNING"]
PY
cd "$work"
"$work/venv/bin/python" program.py
