#!/usr/bin/env bash
# fastapi-utils: repeat_every catches what its function raises and calls it again; without logger= nothing says so, and raise_exceptions=True reports by
# asyncio, once, and ends the repeating. With logger= the record is the printed traceback as its message, without exc_info.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile fastapi-utils==0.8.0 fastapi==0.165.0 typing-inspect==0.9.0
cat > "$work/program.py" <<'PY'
import asyncio, gc, logging
from importlib.metadata import version
from fastapi_utils.tasks import repeat_every
seen, calls = [], {}
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.exc_info is not None, record.getMessage().split("\n")[0]))
logging.getLogger().addHandler(Recorder())
found = {}
for name, options in (("nothing", {}), ("logger", {"logger": logging.getLogger("shop")}), ("raise_exceptions", {"raise_exceptions": True})):
    seen.clear()
    calls[name] = 0
    @repeat_every(seconds=0.05, max_repetitions=3, **options)
    async def sync():
        calls[name] += 1
        raise LookupError("no order")
    async def main():
        await sync()
        await asyncio.sleep(0.5)
        gc.collect()
    asyncio.run(main())
    found[name] = (calls[name], [*seen])
print("fastapi-utils", version("fastapi-utils"))
for name, each in found.items(): print(f"  {name:17}", *each)
assert found["nothing"][0] == 3 and found["nothing"][1] == []
assert found["logger"] == (3, [("shop", "ERROR", False, "Traceback (most recent call last):")] * 3)
assert found["raise_exceptions"] == (1, [("asyncio", "ERROR", True, "Task exception was never retrieved")])
PY
cd "$work"
"$work/venv/bin/python" program.py
