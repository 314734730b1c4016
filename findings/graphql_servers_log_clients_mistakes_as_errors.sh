#!/usr/bin/env bash
# Strawberry and Ariadne: what a client gets wrong (an unknown field, a syntax error) is an ERROR record of the logger that reports failed
# resolvers, at the same level. Only `original_error` of the message, an exception object, tells them apart. Graphene logs neither.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q strawberry-graphql==0.341.2 ariadne==1.1.1
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
import ariadne, strawberry
seen = []
class Recorder(logging.Handler):
    def emit(self, record):
        error = record.msg
        seen.append((record.name, record.levelname, str(error).partition("\n")[0], type(record.exc_info and record.exc_info[1]).__name__, repr(getattr(error, "original_error", "-"))))
logging.getLogger().addHandler(Recorder())
def broken(*_): raise ValueError("boom")
@strawberry.type
class Query:
    @strawberry.field
    def pay(self) -> str: raise ValueError("boom")
query = ariadne.QueryType()
query.set_field("pay", broken)
one = strawberry.Schema(Query)
other = ariadne.make_executable_schema("type Query { pay: String }", query)
for text in ("{ pay }", "{ nosuch }", "{ pay("):
    one.execute_sync(text)
    ariadne.graphql_sync(other, {"query": text})
print("strawberry", version("strawberry-graphql"), "ariadne", version("ariadne"), *seen, sep="\n")
assert {level for _, level, *_ in seen} == {"ERROR"} and len(seen) == 6
assert [original for *_, original in seen] == ["ValueError('boom')"] * 2 + ["None"] * 4
assert {name for name, *_ in seen} == {"strawberry.execution", "ariadne"}
PY
cd "$work"
"$work/venv/bin/python" program.py
