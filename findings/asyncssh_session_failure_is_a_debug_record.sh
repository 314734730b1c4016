#!/usr/bin/env bash
# asyncssh, server: what a session's code raises is a DEBUG record, "Uncaught exception"; nothing is logged at a higher level than INFO, and the command has no exit status.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q asyncssh==2.24.1
cat > "$work/program.py" <<'PY'
import asyncio, logging
import asyncssh
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        if record.exc_info: seen.append((record.name, record.levelname, record.getMessage().split("] ")[-1], record.exc_info[0].__name__))
        assert record.levelno <= logging.INFO
logging.getLogger().addHandler(Recorder())
logging.getLogger("asyncssh").setLevel(logging.DEBUG)
def at_once(process): raise ValueError("boom")
async def as_coroutine(process): raise LookupError("no stock")
async def main():
    class Server(asyncssh.SSHServer):
        def begin_auth(self, user): return False
    key = asyncssh.generate_private_key("ssh-ed25519")
    for session in (at_once, as_coroutine):
        server = await asyncssh.create_server(Server, "127.0.0.1", 0, server_host_keys=[key], process_factory=session)
        try:
            async with asyncssh.connect("127.0.0.1", server.get_port(), known_hosts=None, username="shop", client_keys=None, config=None) as client:
                print(session.__name__, "- status of the client's command:", (await asyncio.wait_for(client.run("pay"), 10)).exit_status)
        except asyncssh.Error as error:
            print(session.__name__, "- the client's error:", repr(error))
        server.close()
asyncio.run(main())
ours = [each for each in seen if each[3] in ("ValueError", "LookupError")]
print("asyncssh", asyncssh.__version__, *ours, sep="\n  ")
assert {(level, text) for _, level, text, _ in ours} == {("DEBUG", "Uncaught exception")}
assert {kind for *_, kind in ours} == {"ValueError", "LookupError"}
PY
cd "$work"
"$work/venv/bin/python" program.py
