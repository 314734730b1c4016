#!/usr/bin/env bash
# hypercorn: an ASGI application that fails in its lifespan's startup ends the server, with exit status 0; the error that is printed is hypercorn's own, and its text holds the whole traceback.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q hypercorn==0.18.0 starlette==1.10.0
cat > "$work/shop.py" <<'PY'
from contextlib import asynccontextmanager
from starlette.applications import Starlette
@asynccontextmanager
async def lifespan(app):
    raise ConnectionRefusedError("no database")
    yield
app = Starlette(lifespan=lifespan)
PY
cd "$work"
status=0
timeout 60 "$work/venv/bin/hypercorn" shop:app --bind 127.0.0.1:0 > out.txt 2>&1 || status=$?
echo "hypercorn $("$work/venv/bin/pip" list 2>/dev/null | awk '$1 == "Hypercorn" || $1 == "hypercorn" {print $2}') exits with status $status; the error is:"
grep -A1 "^hypercorn.utils" out.txt
test "$status" = 0
grep -q "^hypercorn.utils.LifespanFailureError: Lifespan failure in startup. 'Traceback (most recent call last):" out.txt
