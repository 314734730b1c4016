#!/usr/bin/env bash
# disnake, a fork of discord.py: what an event's function raises is printed to stderr, and is no log record; discord.py logs it as an ERROR of
# `discord.client`. Both end with the words "Ignoring exception in on_ready".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q disnake==2.12.2 discord.py==2.7.1
cat > "$work/program.py" <<'PY'
import asyncio, contextlib, importlib, io, logging
from importlib.metadata import version
seen = []
class Recorder(logging.Handler):
    def emit(self, record): seen.append((record.name, record.levelname, record.getMessage(), bool(record.exc_info)))
logging.getLogger().addHandler(Recorder())
async def fail(library):
    client = library.Client(intents=library.Intents.none())
    if hasattr(client, "__aenter__"): await client.__aenter__()  # discord.py's way to give it the event loop
    @client.event
    async def on_ready(): raise ValueError("boom")
    seen.clear()
    client.dispatch("ready")
    for _ in range(20): await asyncio.sleep(0.01)
found = {}
for name, package in (("discord", "discord.py"), ("disnake", "disnake")):
    written = io.StringIO()
    with contextlib.redirect_stderr(written): asyncio.run(fail(importlib.import_module(name)))
    found[name] = list(seen), written.getvalue().splitlines()
    print(package, version(package), "records", found[name][0], "stderr", found[name][1][:1], found[name][1][-1:])
assert found["discord"] == ([("discord.client", "ERROR", "Ignoring exception in on_ready", True)], [])
assert found["disnake"][0] == [] and found["disnake"][1][-1] == "ValueError: boom"
PY
cd "$work"
"$work/venv/bin/python" program.py
