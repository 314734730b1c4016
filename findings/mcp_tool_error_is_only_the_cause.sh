#!/usr/bin/env bash
# MCP's Python SDK: what a tool raises is logged as an UnexpectedToolError whose traceback has no frame of the tool: the tool's exception
# is its __cause__ alone. What a prompt raises is wrapped twice, and logged by another logger with words that name no prompt.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q mcp==2.3.0
cat > "$work/program.py" <<'PY'
import asyncio, logging, traceback
from importlib.metadata import version
from mcp import Client
from mcp.server.mcpserver import MCPServer
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR:
            error = record.exc_info[1]
            frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            seen.append((record.name, record.getMessage(), type(error).__name__, repr(error.__cause__), {"pay", "ask"} & set(frames)))
logging.getLogger().addHandler(Recorder())
app = MCPServer("shop")
@app.tool()
def pay(order: int) -> str: raise LookupError(f"no order {order}")
@app.prompt()
def ask() -> str: raise RuntimeError("no words")
async def main():
    async with Client(app) as client:
        result = await client.call_tool("pay", {"order": 7})
        try:
            await client.get_prompt("ask")
        except Exception as error:
            return result, error
result, error = asyncio.run(main())
print("mcp", version("mcp"), "- the client is told", [content.text for content in result.content], "and", repr(error), *seen, sep="\n")
assert seen[0][1:] == ("Tool 'pay' raised an unexpected exception", "UnexpectedToolError", "LookupError('no order 7')", set())
assert seen[1][1:4] == ("request handler raised", "ValueError", "ValueError('Error rendering prompt ask')")
assert seen[0][0] != seen[1][0] and len(seen) == 2
PY
cd "$work"
"$work/venv/bin/python" program.py
