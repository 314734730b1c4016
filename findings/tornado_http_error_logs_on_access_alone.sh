#!/usr/bin/env bash
# Tornado: a raised HTTPError(503) is an ERROR of tornado.access alone, while the exception is being handled; any other exception is one of tornado.application and of tornado.access.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q tornado==6.6.1
cat > "$work/program.py" <<'PY'
import asyncio, logging, sys
import tornado
from tornado.httpclient import AsyncHTTPClient
from tornado.testing import bind_unused_port
from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler
seen = {"/asks": [], "/broken": []}
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR:
            handled = sys.exc_info()[0]
            path = "/asks" if "/asks" in record.getMessage() else "/broken"
            seen[path].append((record.name, bool(record.exc_info), handled and handled.__name__))
logging.getLogger().addHandler(Recorder())
class Asks(RequestHandler):
    def get(self): raise HTTPError(503)
class Broken(RequestHandler):
    def get(self): raise ValueError("boom")
async def main():
    listener, port = bind_unused_port()
    server = HTTPServer(Application([("/asks", Asks), ("/broken", Broken)]))
    server.add_socket(listener)
    for path in seen:
        await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}{path}", raise_error=False)
asyncio.run(main())
print("tornado", tornado.version, seen)
assert seen["/asks"] == [("tornado.access", False, "HTTPError")]
assert seen["/broken"] == [("tornado.application", True, "ValueError"), ("tornado.access", False, "ValueError")]
PY
cd "$work"
"$work/venv/bin/python" program.py
